from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage
from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec
from campaign.spec.methods import Tune
from campaign.stages import KINDS
from campaign.stages.model import FitTask, fit
from campaign.stages.tuning import run, search_space
from campaign.work.context import StageContext
from ganmdn.flow_posterior import FlowPosterior

SWEEP = {"trials": 2, "max_epochs": 2, "grace_epochs": 1, "batch_size": [16]}
FLOW = {"kind": "flow-posterior", "transforms": 1, "batch_size": 16, "max_epochs": 2}
FORWARD = {"kind": "forward-search", "members": 2, "epochs": 1, "cell_px": 8, "pool": 20, "rounds": 0}


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
    folder = results.folder("tuning/gan-mdn/data-ii")
    trials = json.loads((folder / "trials.json").read_text())
    assert len(trials) == 2
    whole = [trial for trial in trials if not trial["stopped_early"]]
    assert json.loads((folder / "best.json").read_text()) == min(whole, key=lambda trial: trial["metric"])["config"]
    assert results.record("tuning/gan-mdn/data-ii").facts["trials"] == 2


def stages_of(make_spec: Callable[..., Spec], *methods: Any, **changes: Any) -> Pipeline:
    datasets = {"data-ii": {"image_px": 64, "latent": [2, 2]}}
    changes = {"datasets": datasets, "physics.numerics.orders": 1, "labels.count": 40, "mdn.batch_size": 16} | changes
    return Pipeline.of(make_spec(methods=list(methods), **changes), KINDS)


def swept(stage: Stage[Any], results: StageResults, context: StageContext) -> dict[str, Any]:
    """Best hyperparameters of a sweep on the labels of ``finished``."""
    run(stage.config, {"labels": results.folder("labels/data-ii")}, context)
    best: dict[str, Any] = json.loads((context.folder / "best.json").read_text())
    return best


@pytest.mark.long
def test_a_flow_takes_what_its_own_sweep_found(
    make_spec: Callable[..., Spec], finished: tuple[StageResults, Path], context: StageContext, tmp_path: Path
) -> None:
    pipeline = stages_of(make_spec, FLOW | {"tune": SWEEP | {"transforms": [2], "width": [4, 5]}})
    best = swept(pipeline["tuning/flow-posterior/data-ii"], finished[0], context)
    stage = pipeline["model/flow-posterior/data-ii"]
    assert stage.inputs["tuning"] == "tuning/flow-posterior/data-ii"
    inputs = {"labels": finished[0].folder("labels/data-ii"), "tuning": context.folder}
    fit(FitTask(stage.config, inputs), tmp_path / "model")
    shape = FlowPosterior.load(tmp_path / "model", (2, 2), lambda z: z).flow.shape
    assert (shape.transforms, shape.width) == (2, best["width"])


@pytest.mark.long
def test_networks_of_a_forward_search_are_tried_one_by_one(
    make_spec: Callable[..., Spec], finished: tuple[StageResults, Path], context: StageContext
) -> None:
    pipeline = stages_of(make_spec, FORWARD | {"tune": SWEEP | {"channels": [2, 3], "blocks": [1]}})
    best = swept(pipeline["tuning/forward-search/data-ii"], finished[0], context)
    assert best["blocks"] == 1
    trials = json.loads((context.folder / "trials.json").read_text())
    assert [trial["metric"] > 0 for trial in trials] == [True, True]


def test_methods_that_learn_the_same_share_a_sweep(make_spec: Callable[..., Spec]) -> None:
    flow = FLOW | {"tune": SWEEP}
    verified = flow | {"name": "verified", "verify": {"simulations_per_design": 2}}
    pipeline = stages_of(make_spec, flow, verified, FORWARD, repeats=2)
    assert [stage.name for stage in pipeline.stages if stage.kind == "tuning"] == ["tuning/flow-posterior/data-ii"]
    workers = stages_of(make_spec, flow | {"workers": 2}, FORWARD)
    assert workers.keys["tuning/flow-posterior/data-ii"] == pipeline.keys["tuning/flow-posterior/data-ii"]


def test_batches_that_labels_do_not_fill_are_not_tried(make_spec: Callable[..., Spec]) -> None:
    with pytest.raises(ValidationError, match="must not exceed the 36 labels left for training"):
        stages_of(make_spec, FLOW | {"tune": SWEEP | {"batch_size": [16, 37]}})
