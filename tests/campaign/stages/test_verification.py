from __future__ import annotations

from pathlib import Path

import numpy as np

from campaign.plan.finished import StageResults
from results.figures.gallery import MethodDesigns
from results.report import Picture
from results.store import SimulationStore
from results.tables import TableRow


def test_the_report_takes_rows_the_best_designs_and_where_all_landed(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    stages = [stage for stage in results.pipeline.stages if stage.kind == "verification"]
    pieces = list(stages[0].descriptor.report(stages, results))
    rows = [piece for piece in pieces if isinstance(piece, TableRow)]
    assert [(row.method, row.target) for row in rows[:2]] == [("gan-mdn", 0.6), ("gan-mdn", 0.7)]
    columns = SimulationStore.open(results.folder("verification/gan-mdn/data-ii") / "designs.zarr").read("y", "target")
    own = columns["y"][columns["target"] == 0.6]
    assert rows[0].minimum_rep == 100 * np.min(np.abs(own - 0.6) / 0.6)
    assert rows[0].seconds == results.record("designs/gan-mdn/data-ii").facts["design_seconds"]["0.6"]
    best = next(piece for piece in pieces if isinstance(piece, MethodDesigns)).designs[0]
    assert best.achieved == own[np.argmin(np.abs(own - 0.6))]
    assert [piece.name for piece in pieces if isinstance(piece, Picture)] == ["achieved"]
