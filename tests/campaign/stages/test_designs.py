from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.stages.designs import DESIGNS_FOLDER, design_all
from campaign.stages.generator import WEIGHTS_FILE
from results.designs.design_set import DesignSet

METHODS = (
    "gan-mdn",
    "pca-mdn",
    "direct-mdn",
    "forward-search",
    "flow-posterior",
    "nearest-labels",
    "random-labels",
)
PREDICTING = {"forward-search", "nearest-labels", "random-labels"}


@pytest.mark.parametrize("method", METHODS)
def test_designs_are_the_same_when_they_are_asked_for_again(finished: tuple[StageResults, Path], method: str) -> None:
    results, _ = finished
    stage = results.pipeline[f"designs/{method}/data-ii"]
    weights = results.folder("generator") / WEIGHTS_FILE
    columns, seconds = design_all(stage.config, results.folder(f"model/{method}/data-ii"), weights)
    kept = DesignSet.open(results.folder(stage.name) / DESIGNS_FOLDER).columns
    for name, column in columns.items():
        np.testing.assert_array_equal(column, kept[name])
    assert columns["target"].tolist() == [0.6, 0.6, 0.7, 0.7]
    assert set(seconds) == {"0.6", "0.7"}
    assert np.isnan(columns["z"]).all() == (method in {"pca-mdn", "direct-mdn"})
    assert np.isfinite(columns["predicted"]).all() == (method in PREDICTING)
    assert np.isnan(columns["predicted"]).all() == (method not in PREDICTING)
    assert np.isfinite(columns["deviation"]).all() == (method == "forward-search")  # labels know


@pytest.mark.parametrize(
    ("method", "is_random"), [("gan-mdn", True), ("random-labels", True), ("nearest-labels", False)]
)
def test_another_seed_makes_other_designs_where_the_method_says_so(
    finished: tuple[StageResults, Path], method: str, is_random: bool
) -> None:
    results, _ = finished
    (entry,) = [each for each in results.spec.methods if each.method_name == method]
    assert entry.designs_at_random == is_random
    stage = results.pipeline[f"designs/{method}/data-ii"]
    config = stage.config.model_copy(update={"seed": stage.config.seed + 1})
    weights = results.folder("generator") / WEIGHTS_FILE
    columns, _ = design_all(config, results.folder(f"model/{method}/data-ii"), weights)
    kept = DesignSet.open(results.folder(stage.name) / DESIGNS_FOLDER).columns
    assert np.array_equal(columns["image"], kept["image"]) != is_random
