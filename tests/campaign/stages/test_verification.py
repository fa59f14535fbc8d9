from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from results.figures.gallery import MethodDesigns
from results.report import Picture
from results.stores.store import SimulationStore
from results.table.rows import TableRow


def test_the_report_takes_rows_the_best_designs_and_where_all_landed(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    stages = [stage for stage in results.pipeline.stages if stage.kind == "verification"]
    pieces = list(stages[0].descriptor.report(stages, results))
    rows = [piece for piece in pieces if isinstance(piece, TableRow)]
    assert [(row.method, row.target.number) for row in rows[:2]] == [("gan-mdn", 0.6), ("gan-mdn", 0.7)]
    columns = SimulationStore.open(results.folder("verification/gan-mdn/data-ii") / "designs.zarr").read("y", "target")
    own = columns["y"][columns["target"] == 0.6]
    assert rows[0].minimum_rep == 100 * np.min(np.abs(own - 0.6) / 0.6)
    assert rows[0].seconds == results.record("designs/gan-mdn/data-ii").facts["design_seconds"]["0.6"]
    best = next(piece for piece in pieces if isinstance(piece, MethodDesigns)).designs[0]
    assert best.achieved == own[np.argmin(np.abs(own - 0.6))]
    assert [piece.name for piece in pieces if isinstance(piece, Picture)] == ["achieved"]


@pytest.mark.long
def test_repeats_are_one_row_over_the_designs_of_all(repeated: StageResults) -> None:
    stages = [stage for stage in repeated.pipeline.stages if stage.kind == "verification"]
    pieces = list(stages[0].descriptor.report(stages, repeated))
    rows = {(row.method, row.target.number): row for row in pieces if isinstance(row, TableRow)}
    row = rows["gan-mdn", 0.6]
    names = [f"gan-mdn/data-ii{mark}" for mark in ("", "@repeat-2")]
    stores = [SimulationStore.open(repeated.folder(f"verification/{name}") / "designs.zarr") for name in names]
    columns = [store.read("y", "target") for store in stores]
    reps = [100 * np.abs(each["y"][each["target"] == 0.6] - 0.6) / 0.6 for each in columns]
    assert not np.array_equal(*reps)
    assert row.minimum_rep == np.min(reps)
    assert (row.mean_rep, row.std_rep) == pytest.approx((np.mean(reps), np.std(reps)))
    assert row.repeat_reps == pytest.approx([each.mean() for each in reps])
    assert row.spread_rep == pytest.approx(np.std([each.mean() for each in reps], ddof=1))
    assert (row.designs, row.seeds) == (4, (1, 2))
    seconds = [repeated.record(f"designs/{name}").facts["design_seconds"]["0.6"] for name in names]
    assert row.seconds == pytest.approx(np.mean(seconds))
    (best,) = [each for each in pieces if isinstance(each, MethodDesigns) and each.method == "gan-mdn"]
    assert 100 * best.designs[0].distance / 0.6 == pytest.approx(np.min(reps))
    looked_up = rows["nearest-labels", 0.6]
    assert (looked_up.seeds, looked_up.spread_rep, looked_up.designs) == ((1,), None, 2)
