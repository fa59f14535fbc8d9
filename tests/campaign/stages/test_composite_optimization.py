from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.stages.composite_optimization import STORE, run
from campaign.work.context import StageContext
from results.figures.targets import SearchHistory
from results.stores.store import SimulationStore
from results.table.rows import TableRow

NAME = "composite_optimization/composite-optimization/data-ii"
COLUMNS = ("z", "y", "target", "iteration")
Finished = tuple[StageResults, Path]


@pytest.fixture
def inputs(finished: Finished) -> Mapping[str, Path]:
    results, _ = finished
    return {role: results.folder(name) for role, name in results.pipeline[NAME].inputs.items()}


@pytest.mark.long
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    finished: Finished, inputs: Mapping[str, Path], context: StageContext
) -> None:
    config = finished[0].pipeline[NAME].config
    whole = SimulationStore.open(finished[0].folder(NAME) / STORE).read(*COLUMNS)
    run(config, inputs, context)
    store = SimulationStore.open(context.folder / STORE, mode="r+")
    store.discard_unit(1)  # three iterations in batches of two
    run(config, inputs, context)
    for name, column in SimulationStore.open(context.folder / STORE).read(*COLUMNS).items():
        np.testing.assert_array_equal(column, whole[name])
    assert whole["target"].tolist() == [0.6, 0.7, 0.6]
    assert context.facts["search_seconds"] > context.facts["work_seconds"] > 0


def test_every_simulation_counts_for_every_target_and_its_cost_is_shared(finished: Finished) -> None:
    results, _ = finished
    stages = [stage for stage in results.pipeline.stages if stage.kind == "composite_optimization"]
    pieces = list(stages[0].descriptor.report(stages, results))
    rows = [piece for piece in pieces if isinstance(piece, TableRow)]
    y = SimulationStore.open(results.folder(NAME) / STORE).read("y")["y"]
    assert [row.target.number for row in rows] == [0.6, 0.7]
    for row, history in zip(rows, [piece for piece in pieces if isinstance(piece, SearchHistory)], strict=True):
        assert (row.designs, row.labels, row.label_equivalents) == (8, 5, 1.5)
        np.testing.assert_allclose(history.rep[5:], 100 * row.target.relative_error(y))
        assert row.minimum_rep == np.nanmin(history.rep)
