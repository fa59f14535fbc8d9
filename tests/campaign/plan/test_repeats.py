"""Which stages repeats add, and that the first repeat is what there is without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from campaign.plan.pipeline import Pipeline
from campaign.plan.repeats import marked, of_repeat, repeats_of, seed_of
from campaign.spec.campaign import Spec
from campaign.stages import KINDS

MakeSpec = Callable[..., Spec]
DATA_SET = {"data-ii": {"image_px": 64, "latent": [2, 2]}}
VERIFY = {"simulations_per_design": 2}


def pipeline_of(make_spec: MakeSpec, methods: list[Any], **changes: Any) -> Pipeline:
    return Pipeline.of(make_spec(datasets=DATA_SET, methods=methods, **changes), KINDS)


def repeated(pipeline: Pipeline) -> set[str]:
    """Stages of the second repeat, without the mark."""
    names = {stage.name for stage in pipeline.stages if stage.repeat == 1}
    assert all(name.endswith("/data-ii@repeat-2") for name in names)
    return {name.removesuffix("/data-ii@repeat-2") for name in names}


def test_the_first_repeat_has_the_campaigns_seed_and_names(make_spec: MakeSpec) -> None:
    spec = make_spec()
    assert [marked("model/gan-mdn/data-i", repeat) for repeat in (0, 1)] == [
        "model/gan-mdn/data-i",
        "model/gan-mdn/data-i@repeat-2",
    ]
    assert (seed_of(spec, 0), seed_of(spec, 2)) == (spec.seed, spec.seed + 2)
    assert of_repeat(spec, 0) == spec
    assert of_repeat(spec, 1).seed == spec.seed + 1


def test_repeats_add_stages_and_leave_the_others_their_keys(make_spec: MakeSpec) -> None:
    methods = ["gan-mdn", "flow-posterior", {"kind": "pca-mdn", "name": "pca-2", "verify": VERIFY}]
    once = pipeline_of(make_spec, methods, **{"labels.count": 200})
    thrice = pipeline_of(make_spec, methods, repeats=3, **{"labels.count": 200})
    assert {name: key for name, key in thrice.keys.items() if name in once.keys} == once.keys
    added = {stage.name: stage for stage in thrice.stages if stage.name not in once.keys}
    assert {stage.repeat for stage in added.values()} == {1, 2}
    assert repeated(thrice) == {
        *("model/gan-mdn", "designs/gan-mdn", "verification/gan-mdn"),
        *("model/flow-posterior", "designs/flow-posterior", "verification/flow-posterior"),
        *("model/pca-2", "refinement/pca-2", "verification/pca-2"),
    }
    assert len(set(thrice.keys.values())) == len(thrice.keys)
    designs = thrice["designs/gan-mdn/data-ii@repeat-3"]
    assert designs.inputs["model"] == "model/gan-mdn/data-ii@repeat-3"
    assert designs.inputs["generator"] == "generator"
    assert designs.config.seed == thrice["model/gan-mdn/data-ii@repeat-3"].config.seed == thrice.spec.seed + 2
    assert thrice["verification/gan-mdn/data-ii@repeat-3"].inputs == {"designs": designs.name}


def test_what_depends_on_no_seed_is_done_once(make_spec: MakeSpec) -> None:
    methods = ["nearest-labels", "random-labels", {"kind": "nearest-labels", "name": "nearest-2", "verify": VERIFY}]
    pipeline = pipeline_of(make_spec, methods, repeats=2)
    assert repeated(pipeline) == {"designs/random-labels", "verification/random-labels"}
    assert pipeline["designs/random-labels/data-ii@repeat-2"].inputs["model"] == "model/random-labels/data-ii"


def test_a_search_runs_once_a_target_and_a_sweep_once_unless_its_entry_says_more(make_spec: MakeSpec) -> None:
    search = {"kind": "bayesian-optimization", "initial": 10, "iterations": 4, "batch": 2}
    once = pipeline_of(make_spec, ["gan-mdn", search], repeats=2, tune={"trials": 2, "batch_size": [32]})
    assert repeated(once) == {"model/gan-mdn", "designs/gan-mdn", "verification/gan-mdn"}
    assert once["model/gan-mdn/data-ii@repeat-2"].inputs["tuning"] == "tuning/gan-mdn/data-ii"
    twice = pipeline_of(make_spec, [search | {"repeats": 2}])
    added = twice["optimization/bayesian-optimization/data-ii/0.6@repeat-2"]
    first = twice["optimization/bayesian-optimization/data-ii/0.6"]
    assert added.config == first.config.model_copy(update={"seed": twice.spec.seed + 1})
    assert added.inputs == first.inputs


def test_an_entry_has_repeats_of_its_own_and_shared_models_are_as_many_as_are_asked_for(make_spec: MakeSpec) -> None:
    verified = {"kind": "pca-mdn", "name": "pca-2", "verify": VERIFY, "repeats": 3}
    spec = make_spec(
        datasets=DATA_SET, methods=[{"kind": "gan-mdn", "repeats": 1}, {"kind": "pca-mdn"}, verified], repeats=2
    )
    assert [len(repeats_of(spec, method)) for method in spec.methods] == [1, 2, 3]
    names = {stage.name for stage in Pipeline.of(spec, KINDS).stages if stage.repeat}
    assert names == {
        *("model/pca-mdn/data-ii@repeat-2", "model/pca-mdn/data-ii@repeat-3"),
        *("designs/pca-mdn/data-ii@repeat-2", "verification/pca-mdn/data-ii@repeat-2"),
        *("refinement/pca-2/data-ii@repeat-2", "refinement/pca-2/data-ii@repeat-3"),
        *("verification/pca-2/data-ii@repeat-2", "verification/pca-2/data-ii@repeat-3"),
    }
