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
from campaign.stages.model import FitTask, fit, run
from campaign.work.context import TRAINING_FOLDER, StageContext
from campaign.work.resources import InterruptedRunError
from ganmdn import epochs
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
    best = json.loads((results.folder("tuning/gan-mdn/data-ii") / "best.json").read_text())
    model = LatentMdn.load(results.folder("model/gan-mdn/data-ii"), (2, 2), lambda z: z)
    assert model.mdn.shape.components == best["components"]


@pytest.mark.parametrize("method", ["pca-mdn", "forward-search"])
def test_a_training_leaves_what_a_bare_fit_does(
    finished: tuple[StageResults, Path], context: StageContext, method: str
) -> None:
    results, _ = finished
    stage = results.pipeline[f"model/{method}/data-ii"]
    inputs = {role: results.folder(name) for role, name in stage.inputs.items()}
    facts = context.task(fit, FitTask(stage.config, inputs), context.folder)
    assert facts.items() <= results.record(stage.name).facts.items()
    for path in context.folder.iterdir():
        assert path.read_bytes() == (results.folder(stage.name) / path.name).read_bytes()


def test_a_killed_fit_goes_on_to_the_same_model(
    finished: tuple[StageResults, Path], context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, _ = finished
    stage = results.pipeline["model/direct-mdn/data-ii"]
    inputs = {role: results.folder(name) for role, name in stage.inputs.items()}
    heard: list[tuple[int, int]] = []

    def note(done: int, total: int, losses: dict[str, float], message: str) -> None:
        assert list(losses) == ["validation_loss", "train_loss"]
        heard.append((done, total))
        if len(heard) == 2:
            raise InterruptedError

    monkeypatch.setattr(epochs, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(epochs, "CHECKPOINT_SHARE", float("inf"))
    monkeypatch.setattr(context.progress, "note", note)
    with pytest.raises(InterruptedError):
        run(stage.config, inputs, context)
    run(stage.config, inputs, context)
    assert heard == [(1, 3), (2, 3), (3, 3)]
    for path in context.folder.iterdir():
        assert path.read_bytes() == (results.folder(stage.name) / path.name).read_bytes()
    assert context.facts["best_epoch"] == results.record(stage.name).facts["best_epoch"]


def test_a_fit_that_was_stopped_is_no_model_yet(
    finished: tuple[StageResults, Path], context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, _ = finished
    stage = results.pipeline["model/flow-posterior/data-ii"]
    inputs = {role: results.folder(name) for role, name in stage.inputs.items()}
    monkeypatch.setattr(context.progress, "note", lambda *_, **__: context.resources.stop.set())
    with pytest.raises(InterruptedRunError):
        run(stage.config, inputs, context)
    assert [path.name for path in context.folder.iterdir()] == [TRAINING_FOLDER]
    monkeypatch.undo()
    context.resources.stop.clear()
    run(stage.config, inputs, context)
    assert (context.folder / HISTORY_FILE).read_bytes() == (results.folder(stage.name) / HISTORY_FILE).read_bytes()


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


@pytest.mark.long
def test_losses_of_all_repeats_are_drawn(repeated: StageResults) -> None:
    stages = [stage for stage in repeated.pipeline.stages if stage.kind == "model"]
    (picture,) = stages[0].descriptor.report(stages, repeated)
    titles = [axes.get_title(loc="left") for axes in picture.figure.axes if axes.axison]
    assert titles == [f"data-ii · {name}" for name in ("gan-mdn", "pca-mdn", "direct-mdn", "flow-posterior")]
    assert {len(axes.lines) for axes in picture.figure.axes if axes.axison} == {6}
