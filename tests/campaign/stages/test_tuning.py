from __future__ import annotations

import json
from pathlib import Path

from campaign.plan.finished import StageResults
from campaign.spec.methods import Tune
from campaign.stages.tuning import search_space


def test_every_dimension_of_the_block_is_searched() -> None:
    tune = Tune(learning_rate=(1e-3, 1e-2), batch_size=(16,), components=(2, 3), width=(4,))  # type: ignore[arg-type]
    assert search_space(tune) == {
        "learning_rate": ("loguniform", 1e-3, 1e-2),
        "batch_size": ("choice", [16]),
        "components": ("choice", [2, 3]),
        "width": ("choice", [4]),
    }


def test_the_best_trial_is_handed_on(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    folder = results.folder("tuning/data-ii")
    trials = json.loads((folder / "trials.json").read_text())
    assert len(trials) == 2
    whole = [trial for trial in trials if not trial["stopped_early"]]
    assert json.loads((folder / "best.json").read_text()) == min(whole, key=lambda trial: trial["metric"])["config"]
    assert results.record("tuning/data-ii").facts["trials"] == 2
