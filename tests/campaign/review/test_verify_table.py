"""Tables whose rows or figures were changed are refused, and true ones are not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from campaign.review.finished_table import FinishedTable, TracedLine
from campaign.review.verify_table import verify_table
from campaign.stages.verification import STORE
from results.stores.store import SimulationStore

DESIGNS = "verification/gan-mdn/data-ii"


def falsify(run: Path, row: int, by: float) -> None:
    """Change one stored property, with checksums that fit."""
    path = FinishedTable.of_run(run).results.folder(DESIGNS) / STORE
    store = SimulationStore.open(path, mode="r+")
    unit = row // store.rows_per_unit
    y = store.read("y", rows=store.unit_rows(unit))["y"]
    y[row % store.rows_per_unit] += by
    store.restore(unit, "y", y)
    store.finish()


def test_a_true_table_stands(finished_run: Path) -> None:
    traced, told = FinishedTable.of_run(finished_run), []
    check = verify_table(traced, 8, progress=lambda done, total, what: told.append((done, total)))
    assert check.is_true
    assert check.figures == sum(len(line.figures) for line in traced.lines)
    assert told == [(done, 8) for done in range(1, 9)]
    assert all(each.tolerance == 2e-9 for each in check.simulated)
    assert check.code_changed == ()


@pytest.mark.long
def test_designs_are_spread_over_the_lines_and_of_searches_the_best_are_taken(finished_run: Path) -> None:
    traced = FinishedTable.of_run(finished_run)
    lines = [line.name for line in traced.lines if line.name[-1].isdigit()]
    few = verify_table(traced, len(lines) // 2, seed=1)
    positions = sorted(lines.index(each.line) for each in few.simulated)
    assert set(np.diff(positions)) == {2}
    every = verify_table(traced, len(lines))
    assert len({(each.stage, each.row) for each in every.simulated}) == len(lines)
    searches = [line for line in traced.lines if line.method.is_search and line.name[-1].isdigit()]
    best = {best_of(line) for line in searches}
    assert len(best) > 2
    assert best <= {each.stored for each in every.simulated}


def best_of(line: TracedLine) -> float:
    """The property that comes nearest to the target."""
    [target] = line.targets
    rows = [part for repeat in line.method.rows[target] for part in repeat]
    y = np.concatenate([line.method.traced.column(part, "y") for part in rows])
    return float(y[np.nanargmin(target.distance(y))])


@pytest.mark.long
def test_a_row_that_was_never_simulated_so_is_found(own_run: Path) -> None:
    falsify(own_run, 0, 1e-6)
    check = verify_table(FinishedTable.of_run(own_run), 10_000)
    [bad] = check.disagreeing
    assert (bad.line, bad.stage, bad.row) == ("data-ii/gan-mdn/0.6", DESIGNS, 0)
    assert bad.stored - bad.again == pytest.approx(1e-6, rel=1e-3)
    assert "data-ii/gan-mdn/0.6/mean_rep" in {each.cell for each in check.wrong}
    assert verify_table(FinishedTable.of_run(own_run), 10_000, tolerance=1e-5).disagreeing == ()


def test_a_figure_that_its_rows_do_not_make_is_found(own_run: Path) -> None:
    path = own_run / "tables" / "table1.json"
    table = json.loads(path.read_text())
    table["rows"][0]["mean_rep"] -= 0.01
    path.write_text(json.dumps(table))
    check = verify_table(FinishedTable.of_run(own_run), 0)
    assert [each.cell for each in check.wrong] == ["data-ii/gan-mdn/0.6/mean_rep"]
    assert not check.is_true
    assert check.simulated == ()
