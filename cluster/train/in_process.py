"""Training by one worker in the calling thread: the same session for the loop, without Ray."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from cluster.driver.errors import WorkerDiedError
from cluster.train.kept_checkpoints import KeptCheckpoints
from cluster.train.outcome import Metrics, TrainingError, TrainingResult, described

if TYPE_CHECKING:
    import torch


class InProcessSession:
    """What a training loop sees of the place where it runs: one rank.

    Attributes
    ----------
    rank, world_size
        0 and 1.
    device
        The torch device.
    metrics
        What was reported last.
    reports
        How often something was reported.
    refusal
        What the listener of the reports raised, which is none of the loop's errors.
    """

    rank = 0
    world_size = 1

    def __init__(
        self, folder: Path, device: torch.device, on_report: Callable[[Metrics], None], stop: Callable[[], bool]
    ) -> None:
        self.device = device
        self.metrics: Metrics = {}
        self.reports = 0
        self.refusal: BaseException | None = None
        self._kept, self._on_report, self._stop = KeptCheckpoints(folder), on_report, stop

    def wrap(self, module: torch.nn.Module) -> torch.nn.Module:
        """Move a module to the device."""
        return module.to(self.device)

    def latest_checkpoint(self) -> Path | None:
        """Folder to resume from, or None at a first start."""
        return self._kept.newest()

    def report(self, metrics: Metrics, checkpoint: Path | None = None) -> None:
        """Keep a copy of the folder, if one is passed, in place of the one before; then tell the metrics."""
        if checkpoint is not None:
            self._kept.keep(checkpoint)
        self.metrics = dict(metrics)
        self.reports += 1
        try:
            self._on_report(self.metrics)
        except BaseException as error:
            self.refusal = error
            raise

    def asked_to_stop(self) -> bool:
        """Whether to hand in a checkpoint and return."""
        return self._stop()


def run_in_process(
    loop: Callable[[Any, InProcessSession], None],
    config: Any,
    *,
    storage: Path,
    name: str,
    use_gpu: bool = False,
    max_failures: int = 2,
    on_begin: Callable[[], None] = lambda: None,
    on_report: Callable[[Metrics], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Run ``loop(config, session)`` in this thread until it returns, with one torch thread.

    The same ``(storage, name)`` asked again goes on from the newest checkpoint. A loop that raises ``WorkerDiedError``
    is begun again there, as the rank of a process that died would be.

    Parameters
    ----------
    loop
        Picklable; calls ``session.report``.
    config
        Picklable, the first argument of the loop.
    storage, name
        Checkpoints are in the folder ``name`` below ``storage``.
    use_gpu
        Train on the GPU that CUDA shows first.
    max_failures
        Deaths in a row, without a report in between, that are allowed.
    on_begin
        Called before the loop.
    on_report
        Called with what the loop reported.
    stop
        Asked by the loop; True lets it hand in a checkpoint and return early.

    Raises
    ------
    TrainingError
        The loop raised something, or died more often than allowed.
    Exception
        What ``on_report`` raised.
    """
    import torch

    torch.set_num_threads(1)
    loop, config = cloudpickle.loads(cloudpickle.dumps((loop, config)))  # what would not reach a rank is found here too
    folder = storage.absolute() / name
    device = torch.device("cuda" if use_gpu else "cpu")
    session = InProcessSession(folder, device, on_report or (lambda metrics: None), stop)
    restarts = in_vain = 0
    on_begin()
    while True:
        reports = session.reports
        try:
            loop(config, session)
            return TrainingResult(session.latest_checkpoint(), session.metrics, restarts)
        except WorkerDiedError as death:
            in_vain = 0 if session.reports > reports else in_vain + 1
            if in_vain > max_failures:
                raise TrainingError(name, {0: described(death)}, is_loss=True) from death
            restarts += 1
        except Exception as error:
            if error is session.refusal:
                raise
            raise TrainingError(name, {0: described(error)}) from error
