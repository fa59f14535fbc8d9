"""What a running stage may use: its folder, worker processes, training, and its progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.record.worker_log import Logged
from campaign.spec.profile import InProcessProfile, Limits
from campaign.work.peak_memory import PeakTold, told_peak
from campaign.work.progress import StageProgress
from campaign.work.resources import InterruptedRunError, Resources
from campaign.work.time_budget import Timed

if TYPE_CHECKING:
    from numpy.random import SeedSequence

    from cluster.driver.errors import WorkerLostError
    from cluster.pool.fanout import FanOutSummary
    from cluster.tune.outcome import TuningResult


TRAINING_FOLDER = "training"
SWEEP_FOLDER = "tuning"


@dataclass
class StageContext:
    """Handed to ``run`` of every stage."""

    folder: Path
    resources: Resources
    progress: StageProgress
    rows_per_unit: int
    log_folder: Path
    name: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def limits(self) -> Limits:
        """What a simulation may cost before it is given up."""
        return self.resources.profile.limits

    @property
    def shares_process(self) -> bool:
        """Whether workers are threads of this process, which may be neither ended nor redirected."""
        return isinstance(self.resources.profile, InProcessProfile)

    def task(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run one function on a worker and wait for its result."""
        return self.tasks(function, [arguments])[0]

    def tasks(self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run one function on the workers for each tuple of arguments, and wait for all results, in order."""
        kind, pool = self._kind(function), self.resources.pool
        self.progress.flush()  # what was found of an earlier run goes by at once, and this may take minutes
        self.resources.raise_unless_admitted(kind, rounds=math.ceil(len(arguments) / pool.workers))
        remote = pool.share(self._remote(function), on_begin=self.progress.begin)
        futures = [pool.submit(remote, *each) for each in arguments]
        return [self._count(kind, future.result()) for future in futures]

    def fan_out(
        self,
        units: Iterable[Any],
        work: Callable[[Any], Any],
        on_done: Callable[[Any, Any], Iterable[Any] | None],
        on_lost: Callable[[Any, WorkerLostError], Iterable[Any]] | None = None,
        *,
        time_limit_s: float | None = None,
    ) -> FanOutSummary:
        """Run ``work`` for every unit on the workers, a bounded number at a time.

        ``on_done`` and ``on_lost`` may return units to do next; with ``on_lost``, it alone decides what becomes of a
        unit whose worker died, or was ended after ``time_limit_s``. See ``cluster.pool.fanout.fan_out``.
        """
        from cluster.pool.fanout import fan_out

        kind, out_of_time = self._kind(work), False

        def stop() -> bool:
            nonlocal out_of_time
            # A unit that is handed out now may have to wait for the one that its worker is at.
            out_of_time = not self.resources.budget.admits(kind, rounds=2)
            return out_of_time or self.resources.stop.is_set()

        pool = self.resources.pool
        attempts = None if on_lost is None else 1
        summary = fan_out(
            pool,
            units,
            pool.share(
                self._remote(work),
                max_attempts=attempts,
                time_limit_s=time_limit_s,
                on_begin=self.progress.begin,
            ),
            on_done=lambda unit, timed: on_done(unit, self._count(kind, timed)),
            on_lost=on_lost,
            stop=stop,
        )
        self.resources.raise_if_stopped()  # a fan-out that was stopped returns as if it had been asked for less
        if out_of_time:
            raise InterruptedRunError
        return summary

    def _remote(self, function: Callable[..., Any]) -> Timed:
        """The function as workers run it: timed, and its output in the stage's log."""
        return Timed(self._logged(function))

    def _logged(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its output in the stage's log, where that is not the output of this process, too."""
        return function if self.shares_process else Logged(function, self.log_folder)

    def _kind(self, function: Callable[..., Any]) -> str:
        """Name under which durations of this work are remembered."""
        inner = getattr(function, "func", function)  # of a functools.partial
        return f"{self.name} {getattr(inner, '__qualname__', type(inner).__qualname__)}"

    def _count(self, kind: str, timed: tuple[float, int, Any]) -> Any:
        """Note a worker's time and memory; the result that came with them."""
        seconds, peak, result = timed
        self.progress.core_seconds += seconds
        self.progress.peak_bytes = max(self.progress.peak_bytes, peak)
        self.resources.budget.note(kind, seconds)
        return result

    def train(
        self,
        loop: Callable[[Any, Any], None],
        config: Any,
        *,
        workers: int,
        steps: int | None = None,
        message: str = "steps",
    ) -> Path:
        """Train on ``workers`` data-parallel workers; goes on from the newest checkpoint in the folder.

        Parameters
        ----------
        loop
            Called as ``loop(config, session)`` on every worker; reports a metric ``step``, and losses. Where steps may
            end early it reports with its last checkpoint no ``step`` at all.
        config
            Picklable configuration of the loop.
        workers
            Number of workers, each with a GPU where the profile says so; a single one without is one of the pool.
        steps
            The last value of ``step``, for the progress; default: the metric ``steps``.
        message
            What is counted.

        Returns
        -------
        Path
            Folder of the last checkpoint.

        Raises
        ------
        InterruptedRunError
            The run was asked to stop before the loop was done.
        """
        pool, backend, budget = self.resources.pool, self.resources.backend, self.resources.budget
        kind = f"{self.name} until the first step"
        self.resources.raise_unless_admitted(kind)
        started, is_done = time.monotonic(), None  # None: nothing to do

        def report(metrics: Mapping[str, float]) -> None:
            nonlocal is_done
            if is_done is None:
                budget.note(kind, time.monotonic() - started)
            count()
            losses = dict(metrics)
            reached, end = losses.pop("step", None), losses.pop("steps", steps)
            is_done = reached is None or reached == end
            if reached is not None and end is not None:
                # Not self.progress(): a training that is asked to stop hands in a checkpoint first.
                self.progress.note(int(reached), int(end), losses=losses, message=message)

        with self._borrowed(workers) as count:
            result = backend.train(
                PeakTold(self._logged(loop), self.folder),
                config,
                workers=workers,
                pool=pool,
                storage=self.folder,
                name=TRAINING_FOLDER,
                on_begin=count.restart,
                on_report=report,
                stop=lambda: self.resources.stop.is_set() or budget.seconds_left == 0.0,
            )
        if is_done is False:
            raise InterruptedRunError
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
        """Sweep hyperparameters with ASHA on all workers; see ``cluster.tune.search_space.Search``.

        ``options`` are its ``trials``, ``max_epochs``, ``grace_epochs`` and ``reduction_factor``; small is good.
        """
        from cluster.tune.search_space import Search

        search = Search(space, metric=metric, mode="min", seed=seed, **options)
        pool, epochs = self.resources.pool, options["trials"] * options["max_epochs"]
        kind = f"{self.name} until the first epoch"
        self.resources.raise_unless_admitted(kind)
        started, reached = time.monotonic(), dict[int, int]()

        def report(trial: int, epoch: int, metrics: Mapping[str, float]) -> None:
            if not reached:
                self.resources.budget.note(kind, time.monotonic() - started)
            reached[trial] = epoch
            count()
            if self.resources.budget.seconds_left == 0.0:
                raise InterruptedRunError
            self.progress(sum(reached.values()), epochs, message="epochs at most")

        with pool.lend(pool.workers), self._borrowed(pool.workers) as count:
            count.restart()
            result = self.resources.backend.tune(
                PeakTold(self._logged(trainable), self.folder),
                search,
                storage=self.folder,
                name=SWEEP_FOLDER,
                cpus=pool.workers,
                on_report=report,
            )
        return result

    @contextmanager
    def _borrowed(self, cpus: int) -> Iterator[_Borrowed]:
        """Count the time of a block as work of so many cores; calling what it yields brings the count up to now."""
        count = _Borrowed(self.progress, cpus)
        try:
            yield count
        finally:
            self.progress.peak_bytes = max(self.progress.peak_bytes, told_peak(self.folder))
        count()


class _Borrowed:
    """Work of so many cores, from its making on or from a later start."""

    def __init__(self, progress: StageProgress, cpus: int) -> None:
        self._progress, self._cpus = progress, cpus
        self._before, self._started = progress.core_seconds, time.monotonic()

    def restart(self) -> None:
        """Begin to count now: since the last count it was a wait for workers."""
        self._progress.begin()
        self._before, self._started = self._progress.core_seconds, time.monotonic()

    def __call__(self) -> None:
        self._progress.core_seconds = self._before + self._cpus * (time.monotonic() - self._started)
