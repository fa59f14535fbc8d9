from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.plan.repeats import of_repeat
from campaign.spec.campaign import Spec
from campaign.spec.method_entry import InverseEntry
from campaign.spec.methods import BUILT_IN_METHODS
from campaign.stages.inverse_methods import method_of
from campaign.stages.inverse_methods.base import HISTORY_FILE
from campaign.stages.model import fit
from campaign.work.context import StageContext
from ganmdn.latent_mdn import LatentMdn

INVERSE_KINDS = {
    get_args(block.model_fields["kind"].annotation)[0] for block in BUILT_IN_METHODS if issubclass(block, InverseEntry)
}


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


@pytest.mark.parametrize("kind", sorted(INVERSE_KINDS))
def test_a_method_says_rightly_whether_what_it_learns_depends_on_the_seed(
    make_spec: Callable[..., Spec], tmp_path: Path, kind: str
) -> None:
    weights = tmp_path / "weights"
    weights.touch()
    files = {"weights": weights} if kind == "authors-mdn" else {}
    batch = {"batch_size": 16} if kind == "flow-posterior" else {}
    spec = make_spec(
        datasets={"data-ii": {"image_px": 64, "latent": [2, 2]}}, methods=[{"kind": kind, **files, **batch}]
    )
    (method,) = spec.methods
    configs = [method_of(kind).config(of_repeat(spec, repeat), "data-ii", method) for repeat in (0, 1)]
    assert (configs[0] != configs[1]) == method.learns_at_random


def test_losses_of_all_repeats_are_drawn(repeated: StageResults) -> None:
    stages = [stage for stage in repeated.pipeline.stages if stage.kind == "model"]
    (picture,) = stages[0].descriptor.report(stages, repeated)
    titles = [axes.get_title(loc="left") for axes in picture.figure.axes if axes.axison]
    assert titles == [f"data-ii · {name}" for name in ("gan-mdn", "pca-mdn", "direct-mdn", "flow-posterior")]
    assert {len(axes.lines) for axes in picture.figure.axes if axes.axison} == {6}
