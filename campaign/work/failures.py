"""What becomes of work whose worker died: again elsewhere, in smaller chunks, or without the row that is to blame."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from campaign.spec.profile import Limits
from campaign.work.unit import Unit
from campaign.work.watchdog import Note

if TYPE_CHECKING:
    from cluster.driver.errors import WorkerLostError


log = logging.getLogger(__name__)


class FailureClass(StrEnum):
    """Why a simulation was quarantined that the physics cannot be blamed for; stands in a store's ``error_class``."""

    TIME_LIMIT = "TimeLimit"
    OUT_OF_MEMORY = "OutOfMemory"
    WORKER_LOST = "WorkerLost"


@dataclass(frozen=True)
class Quarantine:
    """A row that is given up, and why."""

    row: int
    error_class: FailureClass
    message: str


@dataclass(frozen=True)
class Treatment:
    """What to do after a death: try the unit again like this, without a row perhaps."""

    unit: Unit
    quarantine: Quarantine | None = None


class TooManyFailuresError(RuntimeError):
    """So many simulations of a store failed that the rest is not worth its time."""


def classify(error: WorkerLostError, note: Note) -> FailureClass:
    """Why a worker died, from what Ray says and from the note that it left."""
    if note.is_timeout or error.timed_out:
        return FailureClass.TIME_LIMIT
    if note.is_out_of_memory or error.out_of_memory:
        return FailureClass.OUT_OF_MEMORY
    return FailureClass.WORKER_LOST


def treat(unit: Unit, error: WorkerLostError, note: Note, tried: int, limits: Limits, together: int = 1) -> Treatment:
    """Decide how a unit goes on whose worker died.

    A row that exceeds its time is given up at once; a batch of rows goes on one by one. Too little memory halves the
    chunk, down to a row alone. Any other death is met with another worker, on another node if this one is gone; after
    ``limits.attempts`` deaths the rows go one by one, and one that is under way at as many deaths is given up.

    Parameters
    ----------
    unit
        As it was tried.
    error
        Of the worker.
    note
        That the worker left.
    tried
        Rows that it had to do.
    limits
        Of the profile.
    together
        Rows that a worker simulates at the same time, unless the unit lost one before.

    Raises
    ------
    WorkerLostError
        Workers die before any simulation begins, so that none is to blame.
    """
    kind = classify(error, note)
    if kind is FailureClass.OUT_OF_MEMORY and tried > 1:
        return Treatment(replace(unit, chunk=tried // 2, deaths=0))
    if kind is FailureClass.TIME_LIMIT and min(tried, together) > 1 and not unit.deaths:
        return Treatment(replace(unit, deaths=1))
    if kind is not FailureClass.WORKER_LOST and note.row is not None:
        return _without(unit, note, kind, _messages(error, note, limits)[kind])
    if unit.deaths + 1 < limits.attempts:
        return Treatment(replace(unit, deaths=unit.deaths + 1))
    if note.row is None:
        raise error
    if tried > 1:
        return Treatment(replace(unit, chunk=1, deaths=0))
    return _without(unit, note, kind, _messages(error, note, limits)[kind])


def _without(unit: Unit, note: Note, kind: FailureClass, message: str) -> Treatment:
    assert note.row is not None
    log.warning("row %d is quarantined: %s: %s\n%s", note.row, kind, message, note.text)
    return Treatment(replace(unit, deaths=0), Quarantine(note.row, kind, message))


def _messages(error: WorkerLostError, note: Note, limits: Limits) -> dict[FailureClass, str]:
    return {
        FailureClass.TIME_LIMIT: f"took longer than {limits.simulation_s:g} s{_where(note)}",
        FailureClass.OUT_OF_MEMORY: "ran out of memory with no other row beside it",
        FailureClass.WORKER_LOST: f"{limits.attempts} workers died while they simulated it, the last one so: {error}",
    }


def _where(note: Note) -> str:
    """The innermost Python line of the hanging main thread, for example ``, in solve (solver.py:31)``."""
    main_thread = note.text.split("\n\n")[-1]  # faulthandler lists the newest thread first
    frame = re.search(r'File "(?:.*/)?([^"]+)", line (\d+) in (\S+)', main_thread)
    return f", in {frame[3]} ({frame[1]}:{frame[2]})" if frame else ""


def check_share(failed: int, total: int, limits: Limits) -> None:
    """Give a store up of whose ``total`` rows too many have failed.

    Raises
    ------
    TooManyFailuresError
        More than the profile's share; the text says what to do.
    """
    if failed > limits.failed_share * total:
        raise TooManyFailuresError(
            f"{failed} of {total} simulations failed already, more than the {limits.failed_share:.0%} that "
            "limits.failed_share of the profile allows; look at one with `campaign replay STORE ROW`, mend the cause, "
            "or raise the limit, and submit again"
        )
