from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec
from campaign.stages import KINDS, refinement
from campaign.stages.designs import DESIGNS_FOLDER
from campaign.stages.refinement import STORE, run
from campaign.work.context import StageContext
from results.designs.design_set import DesignSet
from results.stores.layout import Status
from results.stores.store import SimulationStore

REFINED = ("forward-search-2", "nearest-labels-2", "pca-mdn-2")


def inputs_of(results: StageResults, name: str) -> dict[str, Path]:
    return {role: results.folder(source) for role, source in results.pipeline[name].inputs.items()}


@pytest.mark.parametrize("method", REFINED)
def test_every_try_is_kept_and_none_is_beyond_the_budget(finished: tuple[StageResults, Path], method: str) -> None:
    results, _ = finished
    name = f"refinement/{method}/data-ii"
    store = SimulationStore.open(results.folder(name) / STORE)
    tries, facts = store.read(), results.record(name).facts
    assert store.is_finished
    assert (tries["status"] == Status.DONE).all()
    for target in (0.6, 0.7):
        own = tries["design"][tries["target"] == target]
        assert facts["simulations"][f"{target:g}"] == len(own)
        assert np.bincount(own).max() <= 2
        assert set(own.tolist()) <= {0, 1}


@pytest.mark.parametrize("method", REFINED)
def test_designs_are_the_nearest_of_their_tries_and_are_judged_anew(
    finished: tuple[StageResults, Path], method: str
) -> None:
    results, _ = finished
    designs = DesignSet.open(results.folder(f"refinement/{method}/data-ii") / DESIGNS_FOLDER)
    judged = SimulationStore.open(results.folder(f"verification/{method}/data-ii") / "designs.zarr").read()
    np.testing.assert_allclose(judged["y"], designs.columns["predicted"], rtol=1e-6)
    assert np.isnan(judged["deviation"]).all()
    tries = SimulationStore.open(results.folder(f"refinement/{method}/data-ii") / STORE).read()
    for row, (target, y) in enumerate(zip(judged["target"], judged["y"], strict=True)):
        own = (tries["target"] == target) & (tries["design"] == row % 2)
        assert abs(y - target) <= np.abs(tries["y"][own] - target).min() + 1e-6


def test_methods_that_learn_the_same_learn_once(finished: tuple[StageResults, Path]) -> None:
    names = [stage.name for stage in finished[0].pipeline.stages if stage.kind == "model"]
    assert "model/forward-search/data-ii" in names
    assert "model/forward-search-2/data-ii" not in names
    assert finished[0].pipeline["refinement/forward-search-2/data-ii"].inputs["model"] == "model/forward-search/data-ii"


def test_an_interrupted_stage_goes_on_with_the_round_it_was_in(
    finished: tuple[StageResults, Path], context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, _ = finished
    name = "refinement/forward-search-2/data-ii"
    stage, inputs = results.pipeline[name], inputs_of(results, name)
    plan_round = refinement.plan_round

    def first_alone(config: Any, sources: refinement.Sources) -> Any:
        if sources.rounds:
            raise InterruptedError("the power went")
        return plan_round(config, sources)

    def others_alone(config: Any, sources: refinement.Sources) -> Any:
        assert sources.rounds, "a round that was done is planned again"
        return plan_round(config, sources)

    monkeypatch.setattr(refinement, "plan_round", first_alone)
    with pytest.raises(InterruptedError, match="the power went"):
        run(stage.config, inputs, context)

    def propose_again(config: Any, sources: refinement.Sources) -> None:
        raise AssertionError("the model is asked again")

    monkeypatch.setattr(refinement, "plan_round", others_alone)
    monkeypatch.setattr(refinement, "propose", propose_again)
    run(stage.config, inputs, replace(context, facts={}))
    kept = SimulationStore.open(results.folder(name) / STORE).read("y", "z", "image", "target", "design")
    for column, values in SimulationStore.open(context.folder / STORE).read(*kept).items():
        np.testing.assert_array_equal(values, kept[column])
    assert not list(context.folder.glob("*.npz"))


@pytest.mark.parametrize(("most", "tolerance", "expected"), [(4, 0.0005, 4), (20, 0.0005, 5), (20, 0, 20)])
def test_a_plan_counts_the_simulations_that_it_usually_takes(
    make_spec: Callable[..., Spec], most: int, tolerance: float, expected: int
) -> None:
    verify = {"simulations_per_design": most, "tolerance": tolerance}
    spec = make_spec(methods=[{"kind": "nearest-labels", "verify": verify}])
    stages = {stage.name: stage for stage in Pipeline.of(spec, KINDS).stages}
    assert stages["refinement/nearest-labels/data-ii"].simulations == 2 * 3 * expected
    assert "designs/nearest-labels/data-ii" not in stages
    assert stages["verification/nearest-labels/data-ii"].inputs["designs"] == "refinement/nearest-labels/data-ii"
