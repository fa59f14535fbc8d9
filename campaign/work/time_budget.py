"""How long a run may still go on, whether a piece of work that would be started now could finish, and what it took."""

from __future__ import annotations

import functools
import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from campaign.work.peak_memory import peak_bytes, reset_peak
from results.files import write_json

QUANTILE = 0.95
REMEMBERED = 200  # durations of one kind: enough for a quantile, and what the machine does now counts
SAVE_SECONDS = 10.0
FRESH_SHARE = 0.1  # of the time there is: a run that has used less has only just begun


class TimeBudget:
    """Time until a run must have stopped; without a limit everything fits.

    Durations of past work are kept in a file, so that the next job of the same run knows them.
    """

    def __init__(
        self,
        record: Path | None = None,
        ends: float = math.inf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start to count.

        Parameters
        ----------
        record
            File of past durations; None remembers nothing.
        ends
            When the run must have stopped, seconds since the epoch.
        clock
            The present time.
        """
        self._record = record
        self._clock = clock
        self._whole: float | None = None  # seconds that there were for the first piece of work
        self._lock = threading.Lock()
        self._past = _read(record)
        self._saved = clock()
        self.ends = ends
        self.finished = 0  # pieces of work since the start

    @property
    def seconds_left(self) -> float:
        """Until the end, not below 0."""
        return max(0.0, self.ends - self._clock())

    def end_now(self) -> None:
        """Let nothing more begin."""
        self.ends = min(self.ends, self._clock())

    def expected_seconds(self, kind: str) -> float:
        """What one piece of this kind takes in all but one of twenty cases, as far as is known."""
        with self._lock:
            past = sorted(self._past.get(kind, ()))
        return past[math.ceil(QUANTILE * len(past)) - 1] if past else 0.0

    def admits(self, kind: str, rounds: int = 1) -> bool:
        """Whether ``rounds`` pieces of this kind, one after the other, would end in time.

        What would not have fitted into the time that there was for work at first is let in while that is fresh: it
        can only be tried, as the next job will have no more.
        """
        left = self.seconds_left
        if self._whole is None:
            self._whole = left
        if left == 0.0:
            return False
        needed = rounds * self.expected_seconds(kind)
        return needed <= left or (needed > self._whole and left >= (1 - FRESH_SHARE) * self._whole)

    def note(self, kind: str, seconds: float) -> None:
        """Remember how long one piece took."""
        with self._lock:
            self.finished += 1
            self._past.setdefault(kind, deque(maxlen=REMEMBERED)).append(round(seconds, 3))
            if self._record is not None and self._clock() - self._saved >= SAVE_SECONDS:
                self._save(self._record)

    def save(self) -> None:
        """Write the durations down."""
        with self._lock:
            if self._record is not None:
                self._save(self._record)

    def _save(self, record: Path) -> None:
        self._saved = self._clock()
        write_json(record, {kind: list(past) for kind, past in self._past.items()})


def _read(record: Path | None) -> dict[str, deque[float]]:
    if record is None or not record.is_file():
        return {}
    past = json.loads(record.read_text(encoding="ascii"))
    return {kind: deque(seconds, maxlen=REMEMBERED) for kind, seconds in past.items()}


class Timed:
    """A function that also returns how long it took, without the wait for a worker, and its peak memory; picklable."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        inner = function.func if isinstance(function, functools.partial) else function
        self.__qualname__ = getattr(inner, "__qualname__", type(inner).__qualname__)

    def __call__(self, *arguments: Any) -> tuple[float, int, Any]:
        """Call the function; its seconds, the most bytes that its process held meanwhile, and its result."""
        reset_peak()
        started = time.perf_counter()
        result = self.function(*arguments)
        return time.perf_counter() - started, peak_bytes(), result
