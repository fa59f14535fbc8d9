"""Many small units of work through a pool, few of them in flight at any time."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from cluster.driver.errors import WorkerLostError
from cluster.pool.pool import WorkerPool
from cluster.pool.task import SharedFunction

Unit = TypeVar("Unit")
Result = TypeVar("Result")

MAX_UNITS_NAMED = 10


@dataclass(frozen=True)
class FanOutSummary(Generic[Unit]):
    """How a fan-out went: units done, units whose worker was lost for good, and the wall time."""

    done: int
    failed_units: tuple[Unit, ...]
    seconds: float


class FanOutError(RuntimeError):
    """Some units lost their workers as often as was allowed; all others are done. See ``summary``."""

    def __init__(self, summary: FanOutSummary[Any]) -> None:
        self.summary = summary
        lost = summary.failed_units
        named = ", ".join(str(unit) for unit in lost[:MAX_UNITS_NAMED])
        rest = f" and {len(lost) - MAX_UNITS_NAMED} more" if len(lost) > MAX_UNITS_NAMED else ""
        super().__init__(
            f"{len(lost)} units lost their workers again and again, {summary.done} are done; "
            f"lost: {named}{rest}. Run again to do only these; look for memory if it is always the same ones"
        )


def fan_out(
    pool: WorkerPool,
    units: Iterable[Unit],
    work: Callable[[Unit], Result] | SharedFunction,
    *,
    in_flight: int | None = None,
    on_done: Callable[[Unit, Result], Iterable[Unit] | None] | None = None,
    on_lost: Callable[[Unit, WorkerLostError], Iterable[Unit]] | None = None,
    stop: Callable[[], bool] | None = None,
) -> FanOutSummary[Unit]:
    """Run ``work(unit)`` on the pool for every unit, in any order.

    Parameters
    ----------
    pool
        Where to run.
    units
        Small picklable values; taken one at a time, so they may be an endless generator.
    work
        Reads its input, computes, writes its own output and returns a small summary.
    in_flight
        How many units are handed out at most before one comes back; None is two for each worker.
    on_done
        Called in the calling thread with a unit and its result, as they come; may return units to do next.
    on_lost
        Called in the calling thread with a unit whose workers died as often as is allowed; returns what to
        do in its place. None gives such a unit up.
    stop
        Asked before a unit is handed out; True hands out no more and waits for those in flight.

    Returns
    -------
    FanOutSummary[Unit]
        Summary without failed units: with some of them this raises.

    Raises
    ------
    FanOutError
        After everything else was done, for units that were given up.
    Exception
        What ``work`` raised first, after the units in flight were done; or what a listener raised.
    ValueError
        ``in_flight`` below 1.
    """
    limit = 2 * pool.workers if in_flight is None else in_flight
    if limit < 1:
        raise ValueError(f"in_flight must be at least 1, got {limit}")
    start = time.perf_counter()
    outcomes: _Outcomes[Unit, Result] = _Outcomes(on_done, on_lost)
    source = _Source(units, outcomes.next_units)
    with _Flight(pool, work) as flight:
        while True:
            stopped = outcomes.error is not None or (stop is not None and stop())
            if not stopped and flight.size < limit and source.has_next():
                flight.launch(source.take())
            elif flight.size:
                outcomes.add(*flight.land())
            else:
                break
    if outcomes.error is not None:
        raise outcomes.error
    summary = FanOutSummary(outcomes.done, tuple(outcomes.lost), time.perf_counter() - start)
    if outcomes.last_loss is not None:
        raise FanOutError(summary) from outcomes.last_loss
    return summary


class _Source(Generic[Unit]):
    """What to hand out: units that followed from others first, then the caller's, none before there is room."""

    def __init__(self, units: Iterable[Unit], next_units: deque[Unit]) -> None:
        self._units = iter(units)
        self._next = next_units

    def has_next(self) -> bool:
        if not self._next:
            self._next.extend(islice(self._units, 1))
        return bool(self._next)

    def take(self) -> Unit:
        return self._next.popleft()


class _Flight(Generic[Unit]):
    """Units that were handed out and have not come back; leaving the block cancels what did not start."""

    def __init__(self, pool: WorkerPool, work: Callable[[Unit], Any] | SharedFunction) -> None:
        self._pool = pool
        self._work = work if isinstance(work, SharedFunction) else pool.share(work)
        self._units: dict[Future[Any], Unit] = {}
        self._landed: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()

    @property
    def size(self) -> int:
        return len(self._units)

    def launch(self, unit: Unit) -> None:
        future = self._pool.submit(self._work, unit)
        self._units[future] = unit
        future.add_done_callback(self._landed.put)

    def land(self) -> tuple[Unit, Future[Any]]:
        future = self._landed.get()
        return self._units.pop(future), future

    def __enter__(self) -> _Flight[Unit]:
        return self

    def __exit__(self, *_: object) -> None:
        for future in self._units:
            future.cancel()


class _Outcomes(Generic[Unit, Result]):
    """Sorts what comes back: done, lost with its worker, or failed by an exception of the work."""

    def __init__(
        self,
        on_done: Callable[[Unit, Result], Iterable[Unit] | None] | None,
        on_lost: Callable[[Unit, WorkerLostError], Iterable[Unit]] | None,
    ) -> None:
        self._on_done = on_done
        self._on_lost = on_lost
        self.done = 0
        self.next_units: deque[Unit] = deque()
        self.lost: list[Unit] = []
        self.last_loss: WorkerLostError | None = None
        self.error: BaseException | None = None

    def add(self, unit: Unit, future: Future[Any]) -> None:
        error = future.exception()
        if error is None:
            self.done += 1
            if self._on_done is not None:
                self.next_units.extend(self._on_done(unit, future.result()) or ())
        elif not isinstance(error, WorkerLostError):
            self.error = self.error or error
        elif self._on_lost is not None:
            self.next_units.extend(self._on_lost(unit, error))
        else:
            self.lost.append(unit)
            self.last_loss = error
