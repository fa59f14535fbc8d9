"""What a running stage may use: its folder, worker processes, training, and a way to tell how far it is."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from campaign.heartbeat import SECONDS_BETWEEN_BEATS, Heartbeat
from campaign.profiles import Limits, Profile

if TYPE_CHECKING:
    from numpy.random import SeedSequence

    from cluster.errors import WorkerLost
    from cluster.fanout import FanOutSummary
    from cluster.pool import WorkerPool
    from cluster.runtime import RayRuntime
    from cluster.tuning import TuningResult


TRAINING_FOLDER = "ray-train"
SWEEP_FOLDER = "ray-tune"
HEARTBEAT_FILE = "heartbeat"


class Interrupted(Exception):  # noqa: N818  (not an error: the user asked for it)
    """The run was asked to stop; what is done so far is kept."""


class Resources:
    """Ray and its workers, started when the first stage needs them: a cached campaign starts nothing."""

    def __init__(self, profile: Profile, training_workers: int, on_start: Callable[[RayRuntime], None]) -> None:
        """Start nothing yet.

        Args:
            profile: where to run.
            training_workers: data-parallel workers that a training will ask for; a local Ray offers at least so many
                CPUs, since their number is part of the science and must not follow the machine.
            on_start: called with the runtime as soon as it is up.
        """
        self.profile = profile
        self.training_workers = training_workers
        self.stop = threading.Event()
        self._on_start = on_start
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._runtime: RayRuntime | None = None
        self._pool: WorkerPool | None = None

    @property
    def pool(self) -> WorkerPool:
        """Worker processes of one thread each."""
        from cluster.pool import WorkerPool

        with self._lock:
            if self._pool is None:
                self._pool = WorkerPool(self.workers_of(self._started()))
                self._stack.callback(self._pool.close)
            return self._pool

    @property
    def runtime(self) -> RayRuntime:
        """The Ray that everything runs on."""
        with self._lock:
            return self._started()

    def workers_of(self, runtime: RayRuntime) -> int:
        """Worker processes that this run has on a Ray."""
        return min(self.profile.workers or runtime.cpus, runtime.cpus)

    def _started(self) -> RayRuntime:
        from cluster.runtime import start

        if self._runtime is None:
            options = self.profile.ray_options()
            if "cpus" in options:
                options["cpus"] = max(options["cpus"], self.training_workers)
            self._runtime = self._stack.enter_context(start(**options))
            self._on_start(self._runtime)
        return self._runtime

    @property
    def is_lost(self) -> bool:
        """Whether Ray was started and has ended under the run."""
        from cluster.runtime import is_cluster_alive

        return self._runtime is not None and not is_cluster_alive()

    def raise_if_stopped(self) -> None:
        """Raise ``Interrupted`` when the run was asked to stop."""
        if self.stop.is_set():
            raise Interrupted

    def close(self) -> None:
        """End workers and Ray; work in flight is given up."""
        self.stop.set()
        with self._lock:
            self._stack.close()


class ProgressSink(Protocol):
    """Receives how far a stage is."""

    def __call__(self, done: int, total: int, *, failed: int, message: str, core_seconds: float) -> None:
        """``done`` of ``total``, for so much work; ``message`` says of what."""


@dataclass
class StageContext:
    """Handed to ``run`` of every stage."""

    folder: Path
    resources: Resources
    report_progress: ProgressSink
    rows_per_unit: int
    facts: dict[str, Any] = field(default_factory=dict)
    core_seconds: float = 0.0

    @property
    def limits(self) -> Limits:
        """What a simulation may cost before it is given up."""
        return self.resources.profile.limits

    def progress(self, done: int, total: int, *, failed: int = 0, message: str = "") -> None:
        """Say how far the stage is; raises ``Interrupted`` when the run was asked to stop."""
        core_seconds = round(self.core_seconds, 3)
        self.report_progress(done, total, failed=failed, message=message, core_seconds=core_seconds)
        self.resources.raise_if_stopped()

    def task(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run one function on a worker and wait for its result."""
        return self.tasks(function, [arguments])[0]

    def watched_task(self, function: Callable[..., Any], *arguments: Any, message: str) -> Any:
        """Run ``function(*arguments, heartbeat)`` on a worker; the progress follows its heartbeat."""
        heartbeat = Heartbeat(self.folder / HEARTBEAT_FILE)
        heartbeat.clear()  # one of a run that was killed
        future = self.resources.pool.submit(_Timed(function), *arguments, heartbeat)
        while not wait([future], timeout=SECONDS_BETWEEN_BEATS).done:
            if (beat := heartbeat.read()) is not None:
                self.progress(*beat, message=message)
        heartbeat.clear()
        return self._count(future.result())

    def tasks(self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run one function on the workers for each tuple of arguments, and wait for all results, in order."""
        futures = [self.resources.pool.submit(_Timed(function), *each) for each in arguments]
        return [self._count(future.result()) for future in futures]

    def fan_out(
        self,
        units: Iterable[Any],
        work: Callable[[Any], Any],
        on_done: Callable[[Any, Any], Iterable[Any] | None],
        on_lost: Callable[[Any, WorkerLost], Iterable[Any]] | None = None,
        *,
        time_limit_s: float | None = None,
    ) -> FanOutSummary:
        """Run ``work`` for every unit on the workers, a bounded number at a time.

        ``on_done`` and ``on_lost`` may return units to do next; with ``on_lost``, it alone decides what becomes of a
        unit whose worker died, or was ended after ``time_limit_s``. See ``cluster.fanout.fan_out``.
        """
        from cluster.fanout import fan_out

        pool = self.resources.pool
        attempts = None if on_lost is None else 1
        summary = fan_out(
            pool,
            units,
            pool.share(_Timed(work), max_attempts=attempts, time_limit_s=time_limit_s),
            on_done=lambda unit, timed: on_done(unit, self._count(timed)),
            on_lost=on_lost,
            stop=self.resources.stop.is_set,
        )
        self.resources.raise_if_stopped()  # a fan-out that was stopped returns as if it had been asked for less
        return summary

    def _count(self, timed: tuple[float, Any]) -> Any:
        """Note a worker's time; the result that came with it."""
        seconds, result = timed
        self.core_seconds += seconds
        return result

    def train(self, loop: Callable[[Any, Any], None], config: Any, *, workers: int, steps: int) -> Path:
        """Train on ``workers`` data-parallel Ray Train workers; goes on from the newest checkpoint in the folder.

        Args:
            loop: called as ``loop(config, session)`` on every worker; reports a metric ``step``.
            config: picklable configuration of the loop.
            workers: number of workers, each with a GPU where the cluster has enough of them.
            steps: the last value of ``step``, for the progress.

        Returns:
            Folder of the last checkpoint.
        """
        from cluster.training import run_training

        runtime, pool = self.resources.runtime, self.resources.pool

        def report(metrics: Mapping[str, float]) -> None:
            count()
            self.progress(int(metrics["step"]), steps, message="steps")

        with pool.lend(min(workers, pool.workers)), self._borrowed(workers) as count:
            result = run_training(
                loop,
                config,
                workers=workers,
                use_gpu=runtime.gpus >= workers,
                storage=self.folder,
                name=TRAINING_FOLDER,
                on_report=report,
            )
        if result.checkpoint is None:
            raise RuntimeError(f"the training in {self.folder / TRAINING_FOLDER} ended without a checkpoint")
        return result.checkpoint

    def tune(
        self,
        trainable: Callable[[dict[str, Any], Callable[..., None]], None],
        space: Mapping[str, Any],
        *,
        options: Mapping[str, Any],
        metric: str,
        seed: SeedSequence,
    ) -> TuningResult:
        """Sweep hyperparameters with Ray Tune and ASHA on all workers; see ``cluster.tuning.run_tuning``.

        ``options`` are its ``trials``, ``max_epochs``, ``grace_epochs`` and ``reduction_factor``; small is good.
        """
        from cluster.tuning import run_tuning

        pool, epochs = self.resources.pool, options["trials"] * options["max_epochs"]
        reached: dict[int, int] = {}

        def report(trial: int, epoch: int, metrics: Mapping[str, float]) -> None:
            reached[trial] = epoch
            count()
            self.progress(sum(reached.values()), epochs, message="epochs at most")

        with pool.lend(pool.workers), self._borrowed(pool.workers) as count:
            result = run_tuning(
                trainable,
                space,
                metric=metric,
                mode="min",
                seed=seed,
                storage=self.folder,
                name=SWEEP_FOLDER,
                cpus=pool.workers,
                on_report=report,
                **options,
            )
        return result

    @contextmanager
    def _borrowed(self, cpus: int) -> Iterator[Callable[[], None]]:
        """Count the time of a block as work of so many cores; calling what it yields brings the count up to now."""
        before, started = self.core_seconds, time.monotonic()

        def count() -> None:
            self.core_seconds = before + cpus * (time.monotonic() - started)

        yield count
        count()


class _Timed:
    """A function that also tells how long it took, without the wait for a worker; picklable."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        inner = function.func if isinstance(function, functools.partial) else function
        self.__qualname__ = getattr(inner, "__qualname__", type(inner).__qualname__)

    def __call__(self, *arguments: Any) -> tuple[float, Any]:
        started = time.perf_counter()
        result = self.function(*arguments)
        return time.perf_counter() - started, result
