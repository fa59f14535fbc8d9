"""What searches have in common: their configuration, the store of their trials, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.spec.base import Count, Seed
from campaign.spec.generator import Latent
from campaign.stages.simulator import SimulationConfig, Simulator
from results.stores.layout import Status

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from results.stores.store import SimulationStore

STORE = "trials.zarr"
INPUTS = {"iteration": "int64", "suggestion_seconds": "float64"}  # columns of a trial beside what came of it


class SearchConfig(SimulationConfig):
    """One search of the latent space, from the first ``initial`` labels on."""

    seed: Seed
    distribution: Latent
    initial: Count
    iterations: Count


class BatchedSearchConfig(SearchConfig):
    """One whose suggestions follow from what was simulated before, ``batch`` at a time."""

    batch: Count


def open_trials(
    config: BatchedSearchConfig, simulator: Simulator, context: StageContext, inputs: Mapping[str, Any], **facts: Any
) -> SimulationStore:
    """The store of a search, a batch a unit: as a run that was killed left it, less what is damaged, or a new one.

    ``inputs`` are columns beside those of every search, ``facts`` attributes of a new store.
    """
    from results.stores.store import SimulationStore

    path = context.folder / STORE
    if path.is_dir():
        store = SimulationStore.open(path, mode="r+")
        for unit in store.damaged_units():
            store.discard_unit(unit)
        return store
    return SimulationStore.create(
        path,
        capacity=config.iterations,
        latent_shape=config.latent,
        image_px=config.image_px,
        rows_per_unit=config.batch,
        layers=simulator.layer_names,
        wavelengths_nm=simulator.wavelengths_nm,
        properties=simulator.property_names,
        inputs={**inputs, **INPUTS},
        attributes={"physics": config.physics.model_dump(mode="json"), **facts},
    )


def finish_trials(store: SimulationStore, context: StageContext) -> None:
    """Declare the store finished, and note what the search cost."""
    store.finish()
    columns = store.read("seconds", "suggestion_seconds", "status")
    context.facts["work_seconds"] = float(np.sum(columns["suggestion_seconds"]))
    context.facts["search_seconds"] = float(np.sum(columns["seconds"])) + context.facts["work_seconds"]
    context.facts["failed"] = int(np.count_nonzero(columns["status"] == Status.FAILED))
