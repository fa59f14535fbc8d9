"""Simulations fanned out over the workers: whole sets of designs into a store, or a few images at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.work.context import StageContext
from campaign.work.failures import FailureClass, Quarantine, check_share, treat
from campaign.work.unit import UNFINISHED_FOLDER, SimulationJob, Unit, UnitSummary, columns_of, simulate_unit
from campaign.work.watchdog import Watchdog, read_note
from ganmdn.metrics import residual_error_percentage
from ganmdn.targets import targets_in
from results.designs.design_set import DesignSet
from results.stores.layout import Status
from results.stores.store import SimulationStore

if TYPE_CHECKING:
    from campaign.plan.optics import SimulatedPhysics
    from campaign.stages.simulator import Simulator
    from cluster.driver.errors import WorkerLostError


SEED = "seed"  # column of every store
STORE_COLUMNS = {"z", "image"}  # columns that every store has; all others are inputs of its own
DESIGNS_ATTRIBUTE = "designs"  # of a store: where its inputs lie, seen from its folder
UNITS_CHECKED = 50  # in one call of a worker, after a restart; takes a second
GRACE_S = 120.0  # for reading and writing, beside the simulations' own time


def simulate_designs(
    simulator: Simulator,
    physics: SimulatedPhysics,
    designs: Path,
    name: str,
    context: StageContext,
    attributes: Mapping[str, Any] | None = None,
    known: Path | None = None,
) -> None:
    """Simulate every design of the folder ``designs`` into the store ``name``; does only what is missing.

    Parameters
    ----------
    simulator
        The physics; made by the stage, so that the stage's fingerprint holds the code of it.
    physics
        What the simulator was made from; the store keeps it, so that a simulation can be run again.
    designs
        Folder of a ``DesignSet``.
    name
        File name of the store inside the stage's folder.
    context
        The running stage.
    attributes
        Further facts for the store to keep.
    known
        A finished store whose simulations are those of the first designs: they are taken over.

    Raises
    ------
    failures.TooManyFailuresError
        Too large a share of the simulations failed.
    cluster.driver.errors.WorkerLostError
        Workers die before any simulation begins.
    Exception
        A mistake in the simulation's code; it is not tried again.
    """
    limit_s, shares_process = context.limits.simulation_s, context.shares_process
    job = SimulationJob(simulator, designs, context.folder / name, limit_s, shares_process)
    store = _open_or_create(physics, job, context, attributes or {})
    _prepare(store, context)
    if known is not None:
        _take_over(SimulationStore.open(known), job, store)
    _StoreFanOut(job, store, context).run()
    store.finish()
    columns = SimulationStore.open(job.store).read("seconds", "status")
    done = columns["status"] == Status.DONE
    context.facts["seconds_per_simulation"] = float(np.mean(columns["seconds"][done if done.any() else ...]))
    context.facts["failed"] = int(np.count_nonzero(~done))
    shutil.rmtree(context.folder / UNFINISHED_FOLDER, ignore_errors=True)


class _StoreFanOut:
    """The missing units of one store on their way through the workers."""

    def __init__(self, job: SimulationJob, store: SimulationStore, context: StageContext) -> None:
        self._job = job
        self._store = store
        self._context = context
        self._missing = store.missing_units()
        self._done = store.capacity - sum(map(self._length, self._missing))
        self._failed = len(failed_rows(store))
        self._best = BestRep(store)

    def run(self) -> None:
        """Simulate until no unit is missing."""
        self._note_progress()
        check_share(self._failed, self._store.capacity, self._context.limits)
        limit_s = self._store.rows_per_unit * 1.1 * self._job.limit_s + GRACE_S  # where even the watchdog is stuck
        self._context.fan_out(
            map(Unit, self._missing), partial(simulate_unit, self._job), self._land, self._rescue, time_limit_s=limit_s
        )

    def _land(self, unit: Unit, summary: UnitSummary) -> Iterator[Unit]:
        """Count a unit that is whole; go on with one that is not."""
        if not summary.finished:
            yield unit
            return
        self._done += summary.simulations
        self._failed += summary.failed
        self._best.add_unit(unit.number)
        self._note_progress()
        check_share(self._failed, self._store.capacity, self._context.limits)

    def _rescue(self, unit: Unit, error: WorkerLostError) -> Iterator[Unit]:
        """Go on with a unit whose worker died."""
        checkpoint = self._job.checkpoint(unit.number)
        missing = self._length(unit.number) - len(checkpoint.rows)
        tried = min(unit.chunk or missing, missing)
        together = self._job.simulator.at_once
        treatment = treat(unit, error, read_note(checkpoint.note), tried, self._context.limits, together)
        if treatment.quarantine is not None:
            first = self._store.unit_rows(unit.number).start
            row = _quarantined(self._job.simulator, treatment.quarantine, self._job.limit_s)
            checkpoint.add(treatment.quarantine.row - first, row)
            checkpoint.keep()
        yield treatment.unit

    def _length(self, unit: int) -> int:
        rows = self._store.unit_rows(unit)
        return rows.stop - rows.start

    def _note_progress(self) -> None:
        # Not progress(), which would raise amid units in flight: those end before a run that is stopped does.
        self._context.progress.note(
            self._done,
            self._store.capacity,
            failed=self._failed,
            best_rep=self._best.percent,
            message="simulations",
        )


def simulate_apart(
    simulator: Simulator, images: np.ndarray, context: StageContext, report: Callable[[int], None] = lambda more: None
) -> dict[str, np.ndarray]:
    """Simulate images (n, H, W) on as many workers as there are; columns of a store, without the inputs.

    ``report`` hears of every simulation that has ended.

    Raises
    ------
    Exception
        As :func:`simulate_designs`.
    """
    rows: dict[int, Mapping[str, Any]] = {}
    folder = context.folder / UNFINISHED_FOLDER
    folder.mkdir(exist_ok=True)
    work = partial(_simulate_one, simulator, images, folder, context.limits.simulation_s, context.shares_process)

    def land(unit: Unit, row: Mapping[str, Any]) -> None:
        rows[unit.number] = row
        report(1)

    def rescue(unit: Unit, error: WorkerLostError) -> Iterator[Unit]:
        treatment = treat(unit, error, read_note(folder / str(unit.number)), 1, context.limits)
        if treatment.quarantine is None:
            yield treatment.unit
        else:
            land(unit, _quarantined(simulator, treatment.quarantine, context.limits.simulation_s))

    limit_s = 1.1 * context.limits.simulation_s + GRACE_S
    context.fan_out(map(Unit, range(len(images))), work, land, rescue, time_limit_s=limit_s)
    shutil.rmtree(folder, ignore_errors=True)
    return columns_of([rows[position] for position in range(len(images))])


def _simulate_one(
    simulator: Simulator, images: np.ndarray, notes: Path, limit_s: float, shares_process: bool, unit: Unit
) -> Mapping[str, Any]:
    with Watchdog(notes / str(unit.number), limit_s, shares_process=shares_process) as watchdog:
        watchdog.begin(unit.number)
        return simulator.row(images[unit.number])


def _quarantined(simulator: Simulator, quarantine: Quarantine, seconds: float) -> Mapping[str, Any]:
    return simulator.failed_row(str(quarantine.error_class), quarantine.message, seconds)


def _prepare(store: SimulationStore, context: StageContext) -> None:
    """Discard what an earlier run left that has to be done again.

    That are units whose files are not there or do not match their checksums; and, in a store that was given up for its
    many failures, those for which its machines were to blame: they, or their limits, may be better now.
    """
    for unit in store.missing_units() if store.is_finished else ():  # of a copy that left them out
        store.discard_unit(unit)
    done = store.done_units()
    parts = [done[start : start + UNITS_CHECKED] for start in range(0, len(done), UNITS_CHECKED)]
    for damaged in context.tasks(damaged_units, [(store.path, part) for part in parts]) if parts else ():
        for unit in damaged:
            store.discard_unit(unit)
    failed = failed_rows(store)
    if len(failed) > context.limits.failed_share * store.capacity:
        classes = store.read("error_class", rows=failed)["error_class"]
        of_machines = [row for row, name in zip(failed, classes, strict=True) if name in set(FailureClass)]
        for unit in {row // store.rows_per_unit for row in of_machines}:
            store.discard_unit(unit)


def _take_over(known: SimulationStore, job: SimulationJob, store: SimulationStore) -> None:
    """Put rows of another store where the missing units' own would wait for each other."""
    inputs = {*STORE_COLUMNS, SEED, *DesignSet.open(job.designs).columns}
    outputs = [name for name in known.names if name not in inputs]
    for unit in store.missing_units():
        rows = store.unit_rows(unit)
        taken = range(rows.start, min(rows.stop, known.capacity))
        if not taken:
            break
        columns, checkpoint = known.read(*outputs, rows=slice(taken.start, taken.stop)), job.checkpoint(unit)
        for position in set(range(len(taken))) - set(checkpoint.rows):
            checkpoint.add(position, {name: column[position] for name, column in columns.items()})
        checkpoint.keep()


def damaged_units(store: Path, units: list[int]) -> list[int]:
    """Those of some units whose shards are damaged; runs on a worker."""
    return SimulationStore.open(store).damaged_units(units)


def failed_rows(store: SimulationStore) -> list[int]:
    """Numbers of the rows whose simulation failed."""
    return np.flatnonzero(store.read("status")["status"] == Status.FAILED).tolist()


class BestRep:
    """The smallest residual error so far in a store whose rows have targets; nothing in any other."""

    def __init__(self, store: SimulationStore) -> None:
        self._store = store
        self._has_targets = "target" in store.names
        self._best = np.inf
        for unit in store.done_units() if self._has_targets else ():  # by a run that was stopped
            self.add_unit(unit)

    @property
    def percent(self) -> float | None:
        """In percent; None where there are no targets, or only failures so far."""
        return float(self._best) if np.isfinite(self._best) else None

    def add_unit(self, unit: int) -> None:
        """Take in one more unit that is done."""
        if self._has_targets:
            rows = self._store.read("y", "target", rows=self._store.unit_rows(unit))
            for target in targets_in(rows["target"]):
                rep = residual_error_percentage(rows["y"][target.rows(rows["target"])], target)
                self._best = min(self._best, np.nanmin(rep, initial=np.inf))


def _open_or_create(
    physics: SimulatedPhysics, job: SimulationJob, context: StageContext, attributes: Mapping[str, Any]
) -> SimulationStore:
    if job.store.is_dir():
        return SimulationStore.open(job.store, mode="r+")
    designs = DesignSet.open(job.designs)
    columns = designs.columns
    return SimulationStore.create(
        job.store,
        capacity=len(designs),
        latent_shape=columns["z"].shape[1:] if "z" in columns else None,
        image_px=designs.image_px,
        rows_per_unit=context.rows_per_unit,
        layers=job.simulator.layer_names,
        wavelengths_nm=job.simulator.wavelengths_nm,
        properties=job.simulator.property_names,
        inputs={name: column.dtype for name, column in columns.items() if name not in STORE_COLUMNS},
        attributes={
            **attributes,
            "physics": physics.model_dump(mode="json"),
            DESIGNS_ATTRIBUTE: os.path.relpath(job.designs, job.store.parent),
        },
    )
