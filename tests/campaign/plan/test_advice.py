from __future__ import annotations

from collections.abc import Callable

import pytest

from campaign.plan.advice import advice_on
from campaign.spec.campaign import Spec
from campaign.spec.load import load_spec

MakeSpec = Callable[..., Spec]
FILM = {"kind": "film", "name": "film", "material": "silicon"}
ETCH = {"kind": "pattern", "name": "etch", "thickness_nm": 71.7, "white": "air", "black": "silicon"}


@pytest.mark.parametrize(
    ("thickness_nm", "told"),
    [
        (0.5, "layer 'film' is 0.5 nm thick, a few atoms; lengths are in nm"),
        (2e5, "layer 'film' is 204 wavelengths thick; lengths are in nm"),
        (500.0, None),
    ],
)
def test_thicknesses_in_another_unit(make_spec: MakeSpec, thickness_nm: float, told: str | None) -> None:
    spec = make_spec(**{"physics.layers": [ETCH, FILM | {"thickness_nm": thickness_nm}]})
    found = [each for each in advice_on(spec) if "film" in each]
    assert found == ([] if told is None else [f"data-i, data-ii: {told}"])


def test_a_period_in_place_of_a_pixel(make_spec: MakeSpec) -> None:
    found = list(advice_on(make_spec(**{"physics.pixel_nm": 600})))
    told = "data-ii: a pixel is 600 nm at a wavelength of 980 nm; pixel_nm is the side of one pixel, period_nm that of "
    assert told in "".join(found)


def test_fewer_orders_than_propagate(make_spec: MakeSpec) -> None:
    """A period of 2000 nm, an index of 4.8: nine orders at 980 nm."""
    (found,) = (each for each in advice_on(make_spec(**{"physics.numerics": {"orders": 8}})) if "data-ii" in each)
    begin, end = found.split(": at 980 nm and ")
    assert begin == "data-ii: orders 8 leave out some that propagate"
    assert end == "a period of 2000 nm there are 9 in an index of 4.8"
    enough = make_spec(**{"physics.numerics": {"orders": {"data-i": 14, "data-ii": 9}}})
    assert list(advice_on(enough)) == []


@pytest.mark.parametrize("name", ["quickstart", "table1"])
def test_nothing_is_held_against_the_shipped_campaigns(name: str) -> None:
    assert list(advice_on(load_spec(f"specs/{name}.yaml").spec)) == []
