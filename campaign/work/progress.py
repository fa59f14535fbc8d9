"""How far a running stage is and how much work it took, written to the event log of the run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

SECONDS_BETWEEN_EVENTS = 1.0


def _no_check() -> None:
    """Nothing keeps the stage from going on."""


class StageProgress:
    """Progress of one stage; of calls in quick succession the latest becomes an event once a second.

    For the thread of the stage alone, but for :meth:`begin`.

    Attributes
    ----------
    core_seconds
        Work of this start of the stage, in seconds of one core; whoever makes workers work adds to it.
    peak_bytes
        The most memory that one process held for this start of the stage, 0 while that is not known.
    """

    def __init__(
        self,
        stage: str,
        write: Callable[..., object],
        *,
        raise_if_lost: Callable[[], None] = _no_check,
        raise_if_stopped: Callable[[], None] = _no_check,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without any progress.

        Parameters
        ----------
        stage
            Name of the stage.
        write
            ``EventLog.write`` of the run.
        raise_if_lost
            Raises when the stage's folder was taken over by another process.
        raise_if_stopped
            Raises when the run is to stop.
        clock
            The present time, in seconds.
        """
        self.core_seconds = 0.0
        self.peak_bytes = 0
        self._stage = stage
        self._write = write
        self._raise_if_lost = raise_if_lost
        self._raise_if_stopped = raise_if_stopped
        self._clock = clock
        self._last = -SECONDS_BETWEEN_EVENTS
        self._unwritten: dict[str, Any] | None = None
        self._has_begun = False

    def begin(self) -> None:
        """A worker has taken work of the stage, which waited until then; the first call becomes an event."""
        if not self._has_begun:
            self._has_begun = True
            self._write("stage-working", stage=self._stage)

    def __call__(
        self, done: int, total: int, *, failed: int = 0, best_rep: float | None = None, message: str = ""
    ) -> None:
        """Take note of how far the stage is.

        Parameters
        ----------
        done, total
            Units of work, whatever ``message`` names, and where the stage ends.
        failed
            How many of those done failed.
        best_rep
            The smallest residual error percentage so far, where there are targets.
        message
            What is counted.

        Raises
        ------
        campaign.cache.lease.LeaseLostError
            Another process has taken the stage over.
        campaign.work.resources.InterruptedRunError
            The run is to stop.
        """
        self.note(done, total, failed=failed, best_rep=best_rep, message=message)
        self._raise_if_stopped()

    def note(
        self,
        done: int,
        total: int,
        *,
        failed: int = 0,
        best_rep: float | None = None,
        losses: Mapping[str, float] | None = None,
        message: str = "",
    ) -> None:
        """As a call, for who still has work in flight: a run that is to stop goes on until that is done.

        ``losses`` are those of a training, by name, the one first that says most.
        """
        self._raise_if_lost()
        facts = {"done": done, "total": total, "failed": failed, "message": message}
        told: dict[str, Any] = {} if best_rep is None else {"best_rep": best_rep}
        if losses:
            told["losses"] = {name: float(f"{value:.5g}") for name, value in losses.items() if math.isfinite(value)}
        if self.peak_bytes:
            told["peak_bytes"] = self.peak_bytes
        self._unwritten = {**facts, "core_seconds": round(self.core_seconds, 3), **told}
        if done >= total or self._clock() - self._last >= SECONDS_BETWEEN_EVENTS:
            self.flush()

    def flush(self) -> None:
        """Write the latest progress, if it is not written yet."""
        if self._unwritten is not None:
            self._last = self._clock()
            self._write("progress", stage=self._stage, **self._unwritten)
            self._unwritten = None
