from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.stages.labels import STORE as LABELS
from campaign.stages.truncation import TruncationConfig, estimated, run
from campaign.work.context import StageContext
from results.stores.store import SimulationStore


def test_the_estimate_is_of_the_sample_and_its_scale_of_all_labels() -> None:
    labels = np.array([0.5, 0.6, 0.7, np.nan])
    found = estimated(labels, np.array([0.5, 0.6, 0.7]), np.array([0.51, 0.57, np.nan]), (5, 7))
    assert (found.orders, found.higher_orders, found.sample, found.failed) == (5, 7, 3, 1)
    assert found.shift == pytest.approx(-0.01)
    assert found.mean_absolute == pytest.approx(0.02)
    assert found.rms == pytest.approx(np.sqrt((0.01**2 + 0.03**2) / 2))
    assert found.largest == pytest.approx(0.03)
    assert found.spread == pytest.approx(np.std([0.5, 0.6, 0.7]))


def test_where_nothing_is_left_there_are_no_figures() -> None:
    found = estimated(np.array([np.nan]), np.empty(0), np.empty(0), (5, 7))
    assert (found.sample, found.failed, found.shift, found.spread) == (0, 0, None, None)


def test_labels_that_all_failed_leave_an_empty_sample(
    finished: tuple[StageResults, Path], context: StageContext, tmp_path: Path
) -> None:
    config = finished[0].pipeline["truncation/data-ii"].config
    assert isinstance(config, TruncationConfig)
    store = SimulationStore.create(tmp_path / LABELS, capacity=2, latent_shape=(2, 2), image_px=64, rows_per_unit=2)
    store.write_unit(0, {"status": np.array([2, 2], np.uint8)})
    run(config, {"labels": tmp_path}, context)
    assert context.facts["failed"] == 0
    assert '"sample": 0' in (context.folder / "estimate.json").read_text()


def test_the_sample_is_the_first_labels_with_more_orders(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    store = SimulationStore.open(results.folder("truncation/data-ii") / "truncation.zarr")
    labels = SimulationStore.open(results.folder("labels/data-ii") / LABELS)
    columns = store.read("label_row", "label_y", "y")
    assert columns["label_row"].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(columns["label_y"], labels.read("y", rows=slice(3))["y"])
    assert (columns["y"] != columns["label_y"]).all()
