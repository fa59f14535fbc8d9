"""Candidates that are solved at few orders before designs are chosen among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.plan.spent import Spent
from campaign.spec.campaign import Spec
from campaign.stages import KINDS
from campaign.stages.labels import STORE as LABELS
from campaign.stages.low_orders import STORE, run
from campaign.work.context import StageContext
from ganmdn.forward_search import ForwardSearch
from results.stores.store import SimulationStore

SMALL_SEARCH = {
    "kind": "forward-search",
    **{"members": 2, "epochs": 2, "channels": 2, "blocks": 1, "cell_px": 8, "pool": 30, "rounds": 1, "children": 20},
}
BLOCK = {"orders": 1, "candidates": 3, "labels": 20}
NAMED = SMALL_SEARCH | {"name": "low", "low_orders": BLOCK}


@pytest.fixture(scope="module")
def solved(execute: Callable[..., StageResults], small: dict[str, Any]) -> StageResults:
    physics = small["physics"] | {"numerics": {"orders": 2}}
    verify = {"simulations_per_design": 1, "tolerance": 0}
    methods = [SMALL_SEARCH, NAMED, NAMED | {"name": "low-1", "verify": verify}]
    return execute(physics=physics, labels={"count": 24, "truncation_sample": 0}, methods=methods)


def test_methods_share_the_model_and_the_solves(make_spec: Callable[..., Spec]) -> None:
    verified = NAMED | {"name": "low-3", "verify": {"simulations_per_design": 3}, "repeats": 2}
    changes = {"datasets": {"data-ii": {"image_px": 64, "latent": [2, 2]}}, "physics.numerics.orders": 2}
    pipeline = Pipeline.of(make_spec(methods=[SMALL_SEARCH, NAMED, verified], **changes), KINDS)
    stages = [stage for stage in pipeline.stages if stage.kind == "low_orders"]
    assert [stage.name for stage in stages] == ["low_orders/low-3/data-ii", "low_orders/low-3/data-ii@repeat-2"]
    assert stages[0].inputs["model"] == "model/forward-search/data-ii"
    assert stages[1].inputs["model"] == "model/forward-search/data-ii@repeat-2"
    assert pipeline["designs/low/data-ii"].inputs["model"] == stages[0].name
    assert pipeline["refinement/low-3/data-ii@repeat-2"].inputs["model"] == stages[1].name
    assert pipeline["designs/forward-search/data-ii"].inputs["model"] == "model/forward-search/data-ii"


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (2, "must be below the orders of the labels, 1 for data set 'data-ii'"),
        ({"data-ii": 1}, "Field required|is missing|not permitted"),
        ({"orders": {"data-i": 1}}, "is missing, orders must name each data set"),
        (BLOCK | {"labels": 81}, "must not exceed labels.count, 80"),
    ],
)
def test_solves_that_cannot_be_are_refused(make_spec: Callable[..., Spec], block: object, told: str) -> None:
    orders = {"data-i": 2, "data-ii": 1 if block == 2 else 2}
    with pytest.raises(ValidationError, match=told):
        make_spec(methods=[SMALL_SEARCH | {"low_orders": block}], **{"physics.numerics.orders": orders})


@pytest.mark.long
def test_a_model_with_solved_candidates_is_handed_on(solved: StageResults) -> None:
    plain, better = (
        ForwardSearch.load(solved.folder(name)) for name in ("model/forward-search/data-ii", "low_orders/low/data-ii")
    )
    rows = SimulationStore.open(solved.folder("low_orders/low/data-ii") / STORE).read("candidate_row", "label_row")
    changed = np.flatnonzero(plain.bank.predicted != better.bank.predicted)
    assert changed.tolist() == sorted(rows["candidate_row"][rows["candidate_row"] >= 0].tolist())
    assert np.count_nonzero(rows["label_row"] >= 0) == 20
    np.testing.assert_array_equal(plain.bank.images, better.bank.images)


@pytest.mark.long
def test_solves_are_counted_in_labels(solved: StageResults) -> None:
    columns = SimulationStore.open(solved.folder("low_orders/low/data-ii") / STORE).read("seconds")["seconds"]
    a_label = SimulationStore.open(solved.folder("labels/data-ii") / LABELS).read("seconds")["seconds"].mean()
    for method, tries in (("low", 0), ("low-1", 2)):
        spent = Spent.of(solved.pipeline[f"verification/{method}/data-ii"], solved)
        for target in solved.spec.targets:
            assert spent.simulations(target) == tries
            assert spent.label_equivalents(target) == pytest.approx(tries + columns.sum() / a_label / 2)
    plain = Spent.of(solved.pipeline["verification/forward-search/data-ii"], solved)
    assert plain.label_equivalents(solved.spec.targets[0]) == 0


@pytest.mark.long
def test_a_stage_that_was_stopped_solves_what_is_missing(
    solved: StageResults, context: StageContext, run_after_a_stop: Callable[..., list[int]]
) -> None:
    stage = solved.pipeline["low_orders/low/data-ii"]
    inputs = {role: solved.folder(name) for role, name in stage.inputs.items()}
    seen = run_after_a_stop(run, stage.config, inputs)
    folder: Path = solved.folder(stage.name)
    assert sum(seen) == SimulationStore.open(folder / STORE).capacity
    for name in ("bank.npz", "left-out.npy"):
        assert (context.folder / name).read_bytes() == (folder / name).read_bytes()
