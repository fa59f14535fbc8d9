from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.report.failures import FailedSimulation, failed_simulations, failure_table
from campaign.spec.campaign import Spec
from campaign.stages import KINDS
from results.stores.store import SimulationStore


def finish_with_failures(pipeline: Pipeline, cache: StageCache, name: str, failed: dict[int, str]) -> None:
    """Leave a stage with a store of six rows, of which some failed, by row with their class."""
    stage, key = pipeline[name], pipeline.keys[name]
    with cache.lease(stage.kind, key, while_waiting=lambda busy: None) as lease:
        path = lease.folder / str(stage.descriptor.store)
        store = SimulationStore.create(path, capacity=6, latent_shape=None, image_px=8, rows_per_unit=6)
        classes = [failed.get(row, "") for row in range(6)]
        status = np.array([2 if each else 1 for each in classes], np.uint8)
        messages = [f"row {row}" if each else "" for row, each in enumerate(classes)]
        store.write_unit(0, {"status": status, "error_class": classes, "error_message": messages})
        cache.finish(lease, stage.kind, pipeline.parts[name].record(name, key, 1.0, 1.0, {"failed": len(failed)}))


def test_failures_of_all_stages_that_simulate_are_found(tmp_path: Path, small: dict) -> None:
    spec = Spec.model_validate(small | {"methods": ["gan-mdn"], "labels": {"count": 80, "truncation_sample": 1}})
    whole, cache = Pipeline.of(spec, KINDS), StageCache(tmp_path)
    names = ("labels/data-i", "labels/data-ii", "verification/gan-mdn/data-i")
    for name, failed in zip(names, ({2: "TimeLimit", 5: "SolverError"}, {}, {0: "OutOfMemory"}), strict=True):
        finish_with_failures(whole, cache, name, failed)
    pipeline = replace(whole, stages=tuple(whole[name] for name in names), frozen_parts=whole.parts)
    assert list(failed_simulations(StageResults(pipeline, cache))) == [
        FailedSimulation("labels/data-i", 2, "TimeLimit", "row 2"),
        FailedSimulation("labels/data-i", 5, "SolverError", "row 5"),
        FailedSimulation("verification/gan-mdn/data-i", 0, "OutOfMemory", "row 0"),
    ]


def test_failures_are_counted_by_class_and_the_first_are_shown() -> None:
    failures = [
        FailedSimulation("labels/a", row, "TimeLimit" if row % 3 else "OutOfMemory", "given up") for row in range(60)
    ]
    table = failure_table(failures)
    assert table is not None
    assert len(table.rows) == 50
    assert table.caption.startswith("60 simulations were quarantined (40 TimeLimit, 20 OutOfMemory); 50 are shown.")
    assert failure_table([]) is None
