"""One unit of work of a simulation store, as a worker does it: read its inputs, simulate, write its shard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from campaign.design_set import DesignSet
from campaign.parking import Parking
from campaign.simulation import Simulator, columns_of
from campaign.watchdog import Watchdog
from results.layout import Status
from results.store import SimulationStore

UNFINISHED_FOLDER = "unfinished"  # beside a store; gone when it is complete


@dataclass(frozen=True)
class SimulationJob:
    """Everything that a worker needs for any unit of one store: where inputs lie, and what to do with them."""

    simulator: Simulator
    designs: Path
    store: Path
    limit_s: float = 1800.0

    def parking(self, unit: int) -> Parking:
        """Where rows of a unit wait for the others."""
        return Parking(self.store.parent / UNFINISHED_FOLDER / self.store.stem / str(unit))


@dataclass(frozen=True)
class Unit:
    """A unit of work, and how it is to be gone about.

    Attributes:
        number: of the shard.
        chunk: most rows to simulate in one call; None for all that are missing.
        deaths: workers that it lost in a row.
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
    parking = job.parking(unit.number)
    if store.is_done(unit.number):  # by a worker that died before it could say so
        parking.clear()
        return _summary(store.read("status", rows=rows)["status"])
    parking.folder.mkdir(parents=True, exist_ok=True)
    with Watchdog(parking.note, job.limit_s) as watchdog:
        inputs = DesignSet.open(job.designs).rows(rows)
        missing = [position for position in range(rows.stop - rows.start) if position not in parking.rows]
        try:
            for position in missing[: unit.chunk]:
                watchdog.begin(rows.start + position)
                parking.add(position, job.simulator.row(inputs["image"][position]))
        except Exception as error:
            parking.keep()
            error.add_note(f"row {rows.start + position} of {job.store}")
            raise
    if len(parking.rows) < rows.stop - rows.start:
        parking.keep()
        return UnitSummary(finished=False)
    outputs = columns_of([parking.rows[position] for position in range(rows.stop - rows.start)])
    store.write_unit(unit.number, {**inputs, "seed": np.arange(rows.start, rows.stop, dtype=np.uint64), **outputs})
    parking.clear()
    return _summary(outputs["status"])


def _summary(status: np.ndarray) -> UnitSummary:
    return UnitSummary(finished=True, simulations=len(status), failed=int(np.count_nonzero(status == Status.FAILED)))
