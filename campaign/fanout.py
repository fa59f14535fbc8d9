"""Simulations of a whole set of designs, fanned out over the workers into one store."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from campaign.context import StageContext
from campaign.design_set import DesignSet
from campaign.simulation import SimulationJob, Simulator, UnitSummary, simulate_unit
from ganmdn.metrics import residual_error_percentage
from results.store import SimulationStore

STORE_COLUMNS = {"z", "image"}  # columns that every store has; all others are inputs of its own


def simulate_designs(
    simulator: Simulator, config: Mapping[str, Any], designs: Path, name: str, context: StageContext
) -> None:
    """Simulate every design of the folder ``designs`` into the store ``name``; does only what is missing.

    Args:
        simulator: the physics; made by the stage, so that the stage's fingerprint holds the code of it.
        config: configuration of the stage: ``physics``, ``latent`` and ``image_px``.
        designs: folder of a ``DesignSet``.
        name: file name of the store inside the stage's folder.
        context: the running stage.
    """
    job = SimulationJob(simulator, designs, context.folder / name)
    store = _open_or_create(config, job, context)
    missing = store.missing_units()
    total = store.capacity
    done = total - sum(_length(store, unit) for unit in missing)
    failed, best = 0, BestRep(store)

    def count(unit: int, summary: UnitSummary) -> None:
        nonlocal done, failed
        done, failed = done + summary.simulations, failed + summary.failed
        context.progress(done, total, failed=failed, best_rep=best.with_unit(unit), message="simulations")

    context.progress(done, total, message="simulations")
    context.fan_out(missing, partial(simulate_unit, job), count)
    columns = SimulationStore.open(job.store).read("seconds", "status")
    context.facts["seconds_per_simulation"] = float(np.mean(columns["seconds"]))
    context.facts["failed"] = int(np.count_nonzero(columns["status"] != 1))


class BestRep:
    """The smallest residual error so far in a store whose rows have targets; nothing in any other."""

    def __init__(self, store: SimulationStore) -> None:
        self._store = store
        self._has_targets = "target" in store.names
        self._best = np.inf
        for unit in store.done_units() if self._has_targets else ():  # by a run that was stopped
            self.with_unit(unit)

    def with_unit(self, unit: int) -> float | None:
        """In percent, after one more unit; None where there are no targets, or only failures so far."""
        if self._has_targets:
            rows = self._store.read("y", "target", rows=self._store.unit_rows(unit))
            rep = residual_error_percentage(rows["y"], rows["target"])
            self._best = min(self._best, np.nanmin(rep, initial=np.inf))
        return float(self._best) if np.isfinite(self._best) else None


def _open_or_create(config: Mapping[str, Any], job: SimulationJob, context: StageContext) -> SimulationStore:
    if job.store.is_dir():
        return SimulationStore.open(job.store, mode="r+")
    columns = DesignSet.open(job.designs).columns
    return SimulationStore.create(
        job.store,
        capacity=len(columns["image"]),
        latent_shape=tuple(config["latent"]),
        image_px=config["image_px"],
        rows_per_unit=context.rows_per_unit,
        layers=job.simulator.layer_names,
        wavelengths_nm=job.simulator.wavelengths_nm,
        inputs={name: column.dtype for name, column in columns.items() if name not in STORE_COLUMNS},
        attributes={"physics": config["physics"]},
    )


def _length(store: SimulationStore, unit: int) -> int:
    rows = store.unit_rows(unit)
    return rows.stop - rows.start
