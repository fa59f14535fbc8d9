"""Data-parallel training on Ray Train: a loop runs on every rank, survives killed ranks and resumes by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import ray.train
from ray.exceptions import RayActorError
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, RunConfig, ScalingConfig, UserCallback

from cluster.driver.coordinator import Mailbox, run_coordinated
from cluster.driver.errors import RemoteTracebackError
from cluster.driver.ray_private import named_checkpoints
from cluster.train.lone_rank import Submit, run_lone_rank
from cluster.train.outcome import Metrics, TrainingError, TrainingResult, described
from cluster.train.ray_session import STOP_SUFFIX, RayTrainingSession, beside

CHECKPOINTS_KEPT = 2


@dataclass(frozen=True)
class Placement:
    """Where ranks run; changes no number, but for the arithmetic of a GPU.

    Attributes
    ----------
    use_gpu
        One GPU a rank and NCCL between them, rather than one CPU and gloo.
    spread
        Ranks on as many nodes as possible, rather than on as few. Neither insists: when a node has gone, they
        share the others if there is room.
    """

    use_gpu: bool = False
    spread: bool = False

    def scaling(self, workers: int) -> ScalingConfig:
        """The same for Ray Train."""
        # A rank on a GPU asks for no CPU: those that a pool has freed for it may be on other nodes than the GPUs.
        resources = {"CPU": 0, "GPU": 1} if self.use_gpu else {"CPU": 1}
        strategy = "SPREAD" if self.spread else "PACK"
        return ScalingConfig(
            num_workers=workers, use_gpu=self.use_gpu, resources_per_worker=resources, placement_strategy=strategy
        )


def run_training(
    loop: Callable[[Any, RayTrainingSession], None],
    config: Any,
    *,
    workers: int,
    placement: Placement = Placement(),
    submit: Submit | None = None,
    storage: Path,
    name: str,
    max_failures: int = 2,
    on_begin: Callable[[], None] = lambda: None,
    on_report: Callable[[Metrics], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Run ``loop(config, session)`` on all ranks until it returns on each.

    When a rank dies or raises, all ranks start again and find the newest checkpoint in their session. The same
    ``(storage, name)`` asked again does so too, after whatever ended the first run; a loop that finds its work
    done should return. Every rank has one thread, and a CPU or a GPU. Their number never changes: when a node has gone
    and the others have no room for all, the training waits until one comes.

    Parameters
    ----------
    loop
        Picklable; calls ``session.report`` on all ranks equally often.
    config
        Picklable, the first argument of the loop.
    workers
        Number of ranks.
    placement
        Where the ranks run.
    submit
        Has a worker of a pool run the only rank, on a CPU, to the same numbers; see ``run_lone_rank``. Default: ranks
        are processes of their own, which take ten seconds to start.
    storage
        Folder that all nodes see.
    name
        Folder below ``storage``; a name must mean the same training for ever.
    max_failures
        Restarts that are allowed; of losses of processes and nodes, those without a report in between.
    on_begin
        Called in this thread once the ranks have their place: what they take from here on is theirs.
    on_report
        Called in this thread with what rank 0 reported; of a lone rank the newest, now and then.
    stop
        Asked now and then in this thread; True lets the loop hand in a checkpoint and return early.

    Raises
    ------
    TrainingError
        More failures than allowed, exceptions of the loop included.
    ValueError
        A number out of range.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if max_failures < 0:
        raise ValueError(f"max_failures must be 0 or more, got {max_failures}")
    if submit is not None and (workers > 1 or placement.use_gpu):
        raise ValueError(f"submit is for one rank on a CPU, got workers {workers} and {placement}")
    run_folder = storage.absolute() / name
    clean_up_run(run_folder)
    listener = _Listener(on_report)
    stop_file = beside(run_folder, STOP_SUFFIX)
    stop_file.unlink(missing_ok=True)

    def look() -> None:
        if stop():
            stop_file.touch()

    def attempt() -> tuple[Path | None, Metrics]:
        if submit is not None:
            return run_lone_rank(submit, loop, config, run_folder, on_begin, listener.hear_report, look)
        on_begin()
        scaling = placement.scaling(workers)
        fit = partial(_fit, loop=loop, config=config, scaling=scaling, run_folder=run_folder, max_failures=max_failures)
        return run_coordinated(fit, listener.hear, while_waiting=look)

    in_vain = 0
    while True:
        reports = listener.reports
        try:
            checkpoint, metrics = attempt()
            break
        except TrainingError as error:
            # A long training outlives any number of nodes, as long as it gets somewhere between two losses.
            in_vain = 0 if listener.reports > reports else in_vain + 1
            if not error.is_loss or in_vain > max_failures:
                raise
            listener.restarts += 1
        clean_up_run(run_folder)
    stop_file.unlink(missing_ok=True)
    clean_up_run(run_folder)
    return TrainingResult(checkpoint, listener.last_metrics or metrics, listener.restarts)


def clean_up_run(run_folder: Path) -> None:
    """Make the folder of a training that was killed, or one of its ranks, fit to resume from.

    Checkpoints that the index does not name are removed, since copying them may have been cut short. Ray writes
    the index in place; should a power cut have left half of it, the run is moved to ``<name>.torn``, because
    Ray would refuse it, and the training starts afresh.
    """
    try:
        named = named_checkpoints(run_folder)
    except ValueError:
        torn = run_folder.with_name(f"{run_folder.name}.torn")
        shutil.rmtree(torn, ignore_errors=True)
        run_folder.rename(torn)
        return
    for folder in run_folder.glob("checkpoint_*/"):
        if folder.name not in named:
            shutil.rmtree(folder)


@dataclass
class _Event:
    """What the controller of a training tells the driver."""

    kind: Literal["report", "failure"]
    metrics: Metrics


class _Listener:
    """Receives a training's events in the driver."""

    def __init__(self, on_report: Callable[[Metrics], None] | None) -> None:
        self._on_report = on_report
        self.last_metrics: Metrics = {}
        self.reports = 0
        self.restarts = 0

    def hear(self, event: _Event) -> None:
        if event.kind == "failure":
            self.restarts += 1
            return
        self.hear_report(event.metrics)

    def hear_report(self, metrics: Metrics) -> None:
        """Take note of what rank 0 reported."""
        self.reports += 1
        self.last_metrics = metrics
        if self._on_report is not None:
            self._on_report(metrics)


class _Announcer(UserCallback):
    """Lives in the controller of a training and sends its events to the driver."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:
        self._mailbox.send(_Event("report", metrics[0]))

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        self._mailbox.send(_Event("failure", {}))


def _fit(
    mailbox: Mailbox,
    *,
    loop: Callable[[Any, RayTrainingSession], None],
    config: Any,
    scaling: ScalingConfig,
    run_folder: Path,
    max_failures: int,
) -> tuple[Path | None, Metrics]:
    """Run the training, in the coordinator's process; returns the newest checkpoint and its metrics."""
    from ray.train.torch import TorchConfig, TorchTrainer

    from cluster.train.process_groups import GlooConfig

    def run_rank() -> None:
        import torch

        torch.set_num_threads(1)
        loop(config, RayTrainingSession(run_folder))

    trainer = TorchTrainer(
        run_rank,
        scaling_config=scaling,
        torch_config=TorchConfig(backend="nccl") if scaling.use_gpu else GlooConfig(),
        run_config=RunConfig(
            name=run_folder.name,
            storage_path=str(run_folder.parent),
            failure_config=FailureConfig(max_failures=max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=CHECKPOINTS_KEPT),
            callbacks=[_Announcer(mailbox)],  # type: ignore[list-item]  # annotated for Tune
        ),
    )
    try:
        result = trainer.fit()
    except ray.train.WorkerGroupError as error:
        failures = {rank: described(failure) for rank, failure in error.worker_failures.items()}
        is_loss = any(isinstance(failure, RayActorError) for failure in error.worker_failures.values())
        raise TrainingError(run_folder.name, failures, is_loss) from RemoteTracebackError(str(error))
    except ray.train.ControllerError as error:
        # Not the loop: ranks that did not find each other, or were lost before they had.
        failures = {0: described(error.controller_failure)}
        raise TrainingError(run_folder.name, failures, is_loss=True) from RemoteTracebackError(str(error))
    return (Path(result.checkpoint.path) if result.checkpoint else None), result.metrics or {}
