"""One unit of work of a simulation store, as a worker does it: read its inputs, simulate, write its shard."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.work.watchdog import Watchdog
from results.designs.design_set import DesignSet
from results.files import atomic_path
from results.stores.layout import Status
from results.stores.store import SimulationStore

if TYPE_CHECKING:
    from campaign.stages.simulator import Simulator

UNFINISHED_FOLDER = "unfinished"  # beside a store; gone when it is complete
SECONDS_AT_RISK = 5.0  # work that a death may cost: rows are kept as often
NOTE_FILE = "note"
POSITION = "position"  # of a row in its unit


@dataclass(frozen=True)
class SimulationJob:
    """Everything that a worker needs for any unit of one store: where inputs lie, and what to do with them."""

    simulator: Simulator
    designs: Path
    store: Path
    limit_s: float = 1800.0
    shares_process: bool = False

    def checkpoint(self, unit: int) -> UnitCheckpoint:
        """Where rows of a unit wait for the others."""
        return UnitCheckpoint(self.store.parent / UNFINISHED_FOLDER / self.store.stem / str(unit))


class UnitCheckpoint:
    """A folder of finished rows, by their position in the unit; rows of several processes add up.

    Attributes
    ----------
    rows
        All that are known so far, by position.
    """

    def __init__(self, folder: Path) -> None:
        """Read the rows that are there."""
        self.folder = folder
        self.rows: dict[int, Mapping[str, Any]] = {}
        self._unkept: list[int] = []
        self._kept_at = time.monotonic()
        for path in sorted(folder.glob("rows-*.npz")):
            self._read(path)

    @property
    def note(self) -> Path:
        """Where the watchdog of the unit leaves its note."""
        return self.folder / NOTE_FILE

    def add(self, position: int, row: Mapping[str, Any]) -> None:
        """Take in one more row; it is on disk with the first one that comes ``SECONDS_AT_RISK`` later."""
        self.rows[position] = row
        self._unkept.append(position)
        if time.monotonic() - self._kept_at > SECONDS_AT_RISK:
            self.keep()

    def keep(self) -> None:
        """Write what is not on disk yet."""
        if self._unkept:
            self.folder.mkdir(parents=True, exist_ok=True)
            columns: dict[str, Any] = columns_of([self.rows[position] for position in self._unkept])
            columns[POSITION] = np.array(self._unkept)
            with atomic_path(self.folder / f"rows-{uuid.uuid4().hex}.npz") as temporary:
                np.savez(temporary, allow_pickle=False, **columns)
        self._unkept = []
        self._kept_at = time.monotonic()

    def clear(self) -> None:
        """Forget everything; the unit is whole and stands in its store."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, path: Path) -> None:
        with np.load(path) as file:
            columns = {name: file[name] for name in file.files}
        positions = columns.pop(POSITION)
        for place, position in enumerate(positions.tolist()):
            self.rows[position] = {name: column[place] for name, column in columns.items()}


@dataclass(frozen=True)
class Unit:
    """A unit of work, and how it is to be gone about.

    Attributes
    ----------
    number
        Of the shard.
    chunk
        Most rows to simulate in one call; None for all that are missing.
    deaths
        Workers that it lost in a row.
    """

    number: int
    chunk: int | None = None
    deaths: int = 0


@dataclass(frozen=True)
class UnitSummary:
    """What the coordinator hears of a unit; of one that is not ``finished`` the rest is zero."""

    finished: bool
    simulations: int = 0
    failed: int = 0


def simulate_unit(job: SimulationJob, unit: Unit) -> UnitSummary:
    """Simulate rows of a unit, and write its shard if none is missing then; the caller owns the shard alone."""
    store = SimulationStore.open(job.store, mode="r+")
    rows = store.unit_rows(unit.number)
    checkpoint = job.checkpoint(unit.number)
    if store.is_done(unit.number):  # by a worker that died before it could say so
        checkpoint.clear()
        return _summary(store.read("status", rows=rows)["status"])
    checkpoint.folder.mkdir(parents=True, exist_ok=True)
    with Watchdog(checkpoint.note, job.limit_s, shares_process=job.shares_process) as watchdog:
        inputs = DesignSet.open(job.designs).rows(rows)
        missing = [position for position in range(rows.stop - rows.start) if position not in checkpoint.rows]
        try:
            for positions in _batches(missing[: unit.chunk], job.simulator, unit):
                for position, row in _rows(job, rows.start, positions, inputs["image"], watchdog):
                    checkpoint.add(position, row)
        except Exception:
            checkpoint.keep()
            raise
    if len(checkpoint.rows) < rows.stop - rows.start:
        checkpoint.keep()
        return UnitSummary(finished=False)
    outputs = columns_of([checkpoint.rows[position] for position in range(rows.stop - rows.start)])
    store.write_unit(unit.number, {**inputs, "seed": np.arange(rows.start, rows.stop, dtype=np.uint64), **outputs})
    checkpoint.clear()
    return _summary(outputs["status"])


def _batches(positions: list[int], simulator: Simulator, unit: Unit) -> Iterator[list[int]]:
    """Positions that are simulated together: one at a time after a death, so that it shows whose fault it was."""
    size = 1 if unit.deaths else simulator.at_once
    for start in range(0, len(positions), size):
        yield positions[start : start + size]


def _rows(
    job: SimulationJob, start: int, positions: list[int], images: np.ndarray, watchdog: Watchdog
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Positions with their rows; one by one where together raises, so that the one to blame is named."""
    watchdog.begin(start + positions[0])
    try:
        rows = job.simulator.rows(images[positions])
    except Exception as error:
        if len(positions) == 1 or isinstance(error, MemoryError):  # which asks for smaller chunks
            error.add_note(f"row {start + positions[0]} of {job.store}")
            raise
        rows = None
    if rows is not None:
        yield from zip(positions, rows, strict=True)
        return
    for position in positions:
        yield from _rows(job, start, [position], images, watchdog)


def _summary(status: np.ndarray) -> UnitSummary:
    return UnitSummary(finished=True, simulations=len(status), failed=int(np.count_nonzero(status == Status.FAILED)))


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Columns of a store, from one row or more."""
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}
