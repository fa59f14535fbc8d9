from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.stages.sampled_search import STORE, run
from campaign.work.context import StageContext
from ganmdn.sobol import sobol_latents
from results.stores.store import SimulationStore

pytestmark = pytest.mark.long

Finished = tuple[StageResults, Path]


def z_of(results: StageResults, kind: str) -> np.ndarray:
    return SimulationStore.open(results.folder(f"sampled_search/{kind}/data-ii") / STORE).read("z")["z"]


def test_samplers_differ_from_each_other_and_from_the_labels(finished: Finished) -> None:
    results, _ = finished
    drawn, spread = z_of(results, "random-search"), z_of(results, "sobol-search")
    labels = SimulationStore.open(results.folder("labels/data-ii") / "labels.zarr").read("z")["z"]
    assert drawn.shape == spread.shape == (4, 2, 2)
    assert len(np.unique(np.concatenate([drawn, spread, labels]), axis=0)) == 4 + 4 + 40
    quarters = sobol_latents((2, 2), 0, 4, np.random.SeedSequence(0), 4).reshape(4, 4).astype(int)
    assert all(sorted(axis) == [0, 1, 2, 3] for axis in quarters.T)  # what a Sobol sequence is,
    assert all(sorted(axis) == [0, 1, 2, 3] for axis in (2 * spread.reshape(4, 4) + 2).astype(int).T)  # and this one


@pytest.mark.parametrize("kind", ["random-search", "sobol-search"])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    kind: str, finished: Finished, context: StageContext
) -> None:
    results, _ = finished
    stage = results.pipeline[f"sampled_search/{kind}/data-ii"]
    inputs = {role: results.folder(name) for role, name in stage.inputs.items()}
    context.rows_per_unit = 2
    run(stage.config, inputs, context)
    path = context.folder / STORE
    whole = SimulationStore.open(path).read("z", "y", "suggestion_seconds")
    shutil.rmtree(path)  # killed with samples alone, then with a unit missing
    run(stage.config, inputs, context)
    SimulationStore.open(path, mode="r+").discard_unit(1)
    run(stage.config, inputs, context)
    for name, column in SimulationStore.open(path).read("z", "y", "suggestion_seconds").items():
        np.testing.assert_array_equal(column, whole[name])
    np.testing.assert_array_equal(whole["z"], z_of(results, kind))
    assert context.facts["search_seconds"] > 0
