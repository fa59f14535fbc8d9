from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.stages.inverse_methods.base import HISTORY_FILE
from campaign.stages.model import fit
from campaign.work.context import StageContext
from ganmdn.latent_mdn import LatentMdn


@pytest.mark.parametrize("method", ["gan-mdn", "pca-mdn", "direct-mdn", "flow-posterior"])
def test_a_fit_leaves_its_losses_and_says_its_best(finished: tuple[StageResults, Path], method: str) -> None:
    results, _ = finished
    with np.load(results.folder(f"model/{method}/data-ii") / HISTORY_FILE) as history:
        assert len(history["train_loss"]) == len(history["validation_loss"]) == 3
        facts = results.record(f"model/{method}/data-ii").facts
        assert facts["best_epoch"] == history["best_epoch"]
        assert facts["validation_loss"] == history["validation_loss"].min()


def test_the_papers_method_takes_what_the_sweep_found(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    best = json.loads((results.folder("tuning/data-ii") / "best.json").read_text())
    model = LatentMdn.load(results.folder("model/gan-mdn/data-ii"), (2, 2), lambda z: z)
    assert model.mdn.shape.components == best["components"]


def test_a_fit_is_the_same_on_any_worker_of_one_thread(
    finished: tuple[StageResults, Path], context: StageContext
) -> None:
    results, _ = finished
    name = "model/pca-mdn/data-ii"
    inputs = {"labels": results.folder("labels/data-ii")}
    again = context.watched_task(fit, results.pipeline[name].config, inputs, context.folder, message="epochs")
    assert again.items() <= results.record(name).facts.items()
