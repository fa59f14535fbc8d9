from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from campaign.plan.config import DataSetConfig, inverse_methods, learner, place_of, searches
from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec
from campaign.spec.method_entry import SearchEntry, TargetSearchEntry
from campaign.stages import KINDS

MakeSpec = Callable[..., Spec]


class Wider(DataSetConfig):
    width: int


def test_a_config_takes_its_sizes_from_the_data_set(make_spec: MakeSpec) -> None:
    config = Wider.make(make_spec(), "data-i", width=3)
    assert config == Wider(dataset="data-i", image_px=96, latent=(3, 3), width=3)
    with pytest.raises(ValidationError, match="frozen"):
        config.width = 4


def test_methods_learn_or_search(make_spec: MakeSpec) -> None:
    spec = make_spec()
    assert [method.kind for method in inverse_methods(spec, "data-i")] == ["gan-mdn", "pca-mdn", "direct-mdn"]
    assert [method.kind for method in searches(spec, "data-i", SearchEntry)] == ["bayesian-optimization"]
    spec = make_spec(methods=["gan-mdn", {"kind": "sobol-search", "initial": 10}])
    assert [method.kind for method in inverse_methods(spec, "data-i")] == ["gan-mdn"]
    assert not searches(spec, "data-i", TargetSearchEntry)


def test_a_method_may_be_for_some_data_sets(make_spec: MakeSpec) -> None:
    wide = {"kind": "pca-mdn", "datasets": ["data-ii"]}
    verified = {"kind": "pca-mdn", "name": "pca-2", "verify": {"simulations_per_design": 2}}
    spec = make_spec(methods=["gan-mdn", wide, verified])
    assert [method.method_name for method in inverse_methods(spec, "data-i")] == ["gan-mdn", "pca-2"]
    assert learner(spec, spec.methods[2], "data-i") == "pca-2"
    assert learner(spec, spec.methods[2], "data-ii") == "pca-mdn"
    names = {stage.name for stage in Pipeline.of(spec, KINDS).stages if stage.dataset == "data-i"}
    assert not any("/pca-mdn/" in name for name in names)
    assert {"model/pca-2/data-i", "refinement/pca-2/data-i", "verification/pca-2/data-i"} <= names


def test_places_follow_the_spec(make_spec: MakeSpec) -> None:
    spec = make_spec()
    assert place_of(spec, "data-ii") < place_of(spec, "data-ii", "gan-mdn") < place_of(spec, "data-ii", "pca-mdn")
    assert place_of(spec, "data-i", "bayesian-optimization") < place_of(spec, "data-ii")
