"""What is designed for: its name, its unit, and what a spec may ask of a stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from campaign.spec.campaign import Spec
from campaign.spec.property import Property

MakeSpec = Callable[..., Spec]
THREE = {"physics.wavelength_nm": [900, 940, 980]}


@pytest.mark.parametrize(
    ("written", "more", "name"),
    [
        ("total", {}, "absorption"),
        ("transmission", {}, "transmission"),
        ("film", {}, "absorption of film"),
        ("reflection", THREE, "mean reflection"),
        ({"of": "total", "wavelength_nm": 940}, THREE, "absorption at 940 nm"),
        ({"of": "film", "wavelength_nm": [900, 980]}, THREE, "mean absorption of film at 900 and 980 nm"),
    ],
)
def test_a_property_has_a_name(make_spec: MakeSpec, written: Any, more: dict[str, Any], name: str) -> None:
    spec = make_spec(**more, **{"physics.property": written})
    (found,) = spec.physics.properties()
    assert (spec.property_name, found.axis) == (name, f"{name} (fraction of the light)")


def test_a_property_without_a_unit_stands_alone_on_its_axis() -> None:
    assert Property("colour difference").axis == "colour difference"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"property": "absorption"}, "must be 'total', 'reflection', 'transmission' or the name of a layer"),
        ({"property": {"of": "films"}}, "property.of must be .* did you mean 'film'"),
        ({"property": {"of": "total", "wavelength_nm": 550}}, "must be a wavelength of the stack, got 550; known: 980"),
        ({"property": {"of": "total", "wavelength_nm": [980, 980]}}, "must stand once among the wavelengths, got 980"),
    ],
)
def test_what_the_stack_does_not_have_is_refused(make_spec: MakeSpec, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_spec(**{f"physics.{key}": value for key, value in changes.items()})


def test_a_layer_may_not_take_a_name_of_the_whole_stack(make_spec: MakeSpec) -> None:
    with pytest.raises(ValidationError, match="must not be 'reflection', which means that of the whole stack"):
        make_spec(**{"physics.layers": [{**make_spec().physics.layers[0].model_dump(), "name": "reflection"}]})
