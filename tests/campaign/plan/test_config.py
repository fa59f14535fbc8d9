from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from campaign.plan.config import DataSetConfig, inverse_methods, place_of, searches
from campaign.spec.campaign import Spec

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
    assert [method.kind for method in inverse_methods(spec)] == ["gan-mdn", "pca-mdn", "direct-mdn"]
    assert [method.kind for method in searches(spec)] == ["bayesian-optimization"]


def test_places_follow_the_spec(make_spec: MakeSpec) -> None:
    spec = make_spec()
    assert place_of(spec, "data-ii") < place_of(spec, "data-ii", "gan-mdn") < place_of(spec, "data-ii", "pca-mdn")
    assert place_of(spec, "data-i", "bayesian-optimization") < place_of(spec, "data-ii")
