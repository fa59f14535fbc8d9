from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.stages.designs import DESIGNS_FOLDER, design_all, load_model
from campaign.stages.generator import WEIGHTS_FILE
from results.designs.design_set import DesignSet


@pytest.mark.parametrize("method", ["gan-mdn", "pca-mdn", "direct-mdn"])
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
    assert np.isnan(columns["z"]).all() == (method != "gan-mdn")


def test_a_method_without_a_model_is_refused(finished: tuple[StageResults, Path], tmp_path: Path) -> None:
    config = finished[0].pipeline["designs/pca-mdn/data-ii"].config.model_copy(update={"kind": "guess"})
    with pytest.raises(ValueError, match="kind must be a method with a model of its own, got 'guess'"):
        load_model(config, tmp_path, tmp_path)
