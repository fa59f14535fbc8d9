"""Receipts of every cell of a table of all kinds of methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.plan.keys import digest
from campaign.review.finished_run import cell_names, read_table
from campaign.review.finished_table import FinishedTable
from campaign.review.receipt import agrees, receipt
from campaign.stages.labels import read_labels
from results.stores.store import SimulationStore


@pytest.fixture(scope="module")
def traced(finished_run: Path) -> FinishedTable:
    return FinishedTable.of_run(finished_run)


@pytest.mark.long
def test_every_cell_is_computed_again_from_its_rows(traced: FinishedTable) -> None:
    names = list(cell_names(read_table(traced.folder)))
    assert {name.split("/")[1] for name in names} == {each.method_name for each in traced.results.spec.methods}
    assert {name.split("/")[2] for name in names} == {"0.6", "0.7", "average"}
    wrong = [name for name in names if not receipt(traced, name).agrees]
    assert wrong == []
    for line in traced.lines:
        assert {f"{line.name}/{name}" for name, value in line.figures.items() if value is not None} <= set(names)


def test_a_mean_rests_on_the_designs_for_its_target(traced: FinishedTable) -> None:
    found = receipt(traced, "data-ii/gan-mdn/0.70/mean_rep")
    [rows] = found.rows
    store = SimulationStore.open(rows.store).read("y", "target")
    assert rows.rows == tuple(np.flatnonzero(store["target"] == 0.7))
    assert rows.y == tuple(store["y"][list(rows.rows)])
    assert (
        found.value
        == pytest.approx(np.mean(rows.rep))
        == pytest.approx(np.mean(np.abs(np.array(rows.y) / 0.7 - 1)) * 100)
    )
    names = [stage.name for stage in found.stages]
    assert names == ["microstructures", "generator", "latents/data-ii", "labels/data-ii", "tuning/gan-mdn/data-ii",
                     "model/gan-mdn/data-ii", "designs/gan-mdn/data-ii", "verification/gan-mdn/data-ii"]  # fmt: skip
    record = traced.results.record("designs/gan-mdn/data-ii")
    designs = found.stages[-2]
    assert (designs.key, designs.code, designs.seed) == (record.key, digest(dict(record.code)), 1)
    assert found.seeds == (1,)


def test_a_search_rests_on_its_starting_pairs_and_its_simulations(traced: FinishedTable) -> None:
    found = receipt(traced, "data-ii/bayesian-optimization/0.6/min_rep")
    assert [(each.stage, len(each.rows)) for each in found.rows] == [
        ("labels/data-ii", 5),
        ("optimization/bayesian-optimization/data-ii/0.6", 3),
    ]
    assert found.value == min(rep for each in found.rows for rep in each.rep)


def test_an_oracle_rests_on_the_nearest_labels(traced: FinishedTable) -> None:
    [rows] = receipt(traced, "data-ii/pca-mdn/0.6/oracle_rep").rows
    y = read_labels(traced.store_path("labels/data-ii"))["y"]
    assert sorted(rows.rep) == pytest.approx(np.sort(np.abs(y - 0.6) / 0.6 * 100)[:2])


@pytest.mark.long
def test_repeats_are_traced_one_by_one(repeated: StageResults, finished_run: Path, tmp_path: Path) -> None:
    from campaign.record.run_folder import Submission
    from campaign.report.composed import table_rows
    from campaign.report.pieces import Pieces
    from results.table.json_form import json_table
    from results.table.reach import Reach

    pieces = Pieces.of(repeated)
    table = json_table(table_rows(pieces, repeated.spec), pieces.all(Reach), {})
    traced = FinishedTable(finished_run, Submission.read(finished_run), repeated, table)
    wrong = [name for name in cell_names(table) if not receipt(traced, name).agrees]
    assert wrong == []
    found = receipt(traced, "data-ii/gan-mdn/average/spread_rep")
    assert found.seeds == (1, 2)
    assert {each.stage for each in found.rows} == {f"verification/gan-mdn/data-ii{mark}" for mark in ("", "@repeat-2")}
    searched = receipt(traced, "data-ii/bayesian-optimization/0.7/spread_rep")
    assert {each.stage for each in searched.rows if each.stage.startswith("opt")} == {
        f"optimization/bayesian-optimization/data-ii/0.7{mark}" for mark in ("", "@repeat-2")
    }


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("mean_rep", r"a cell is DATASET/METHOD/TARGET/COLUMN, such as data-ii/gan-mdn/0.6/min_rep, got 'mean_rep'"),
        ("data-i/gan-mdn/0.6/mean_rep", "has no data set called 'data-i'; it has data-ii"),
        ("data-ii/gan/0.6/mean_rep", "has no method on data-ii called 'gan'; it has gan-mdn, pca-mdn, direct-mdn, "),
        ("data-ii/gan-mdn/0.65/mean_rep", "has no target of data-ii/gan-mdn called '0.65'; it has 0.6, 0.7, average"),
        ("data-ii/gan-mdn/0.6/rep", "has no column with a receipt called 'rep'; it has min_rep, mean_rep, std_rep"),
    ],
)
def test_a_cell_that_is_not_there_is_told_what_there_is(traced: FinishedTable, cell: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        receipt(traced, cell)


def test_figures_agree_but_for_rounding() -> None:
    assert agrees(1.0, 1.0 + 1e-12)
    assert agrees([1.0, None], (1.0, None))
    assert not agrees(1.0, 1.0 + 1e-6)
    assert not agrees(None, 0.0)
    assert not agrees([1.0], [1.0, 2.0])
