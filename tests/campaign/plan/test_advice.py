from __future__ import annotations

from collections.abc import Callable

import pytest

from campaign.plan.advice import advice_on
from campaign.spec.campaign import Spec
from campaign.spec.load import load_spec
from campaign.spec.problems import Violation

MakeSpec = Callable[..., Spec]
FILM = {"kind": "film", "name": "film", "material": "silicon"}
ETCH = {"kind": "pattern", "name": "etch", "thickness_nm": 71.7, "white": "air", "black": "silicon"}


def advice_on_physics(spec: Spec) -> list[Violation]:
    """Without what is said of trainings as short as those of tests."""
    return [each for each in advice_on(spec) if each.at[0] == "physics"]


@pytest.mark.parametrize(
    ("thickness_nm", "told"),
    [
        (0.5, "is a few atoms thick; lengths are in nm, 0.5 µm are 500"),
        (2e5, "is 204 wavelengths thick; lengths are in nm"),
        (500.0, None),
    ],
)
def test_thicknesses_in_another_unit(make_spec: MakeSpec, thickness_nm: float, told: str | None) -> None:
    spec = make_spec(**{"physics.layers": [ETCH, FILM | {"thickness_nm": thickness_nm}]})
    found = [str(each) for each in advice_on(spec) if "thickness_nm" in each.at]
    assert found == ([] if told is None else [f"physics.layers.1.thickness_nm {told}"])


def test_a_period_in_place_of_a_pixel(make_spec: MakeSpec) -> None:
    (found,) = advice_on_physics(
        make_spec(**{"physics.pixel_nm": 600})
    )  # orders that this leaves out are no second slip
    assert str(found) == (
        "physics.pixel_nm makes pixels of 600 nm at a wavelength of 980 nm and a cell of 57600 nm; "
        "pixel_nm is the side of one pixel, period_nm that of the cell"
    )


def test_fewer_orders_than_propagate(make_spec: MakeSpec) -> None:
    """A period of 2000 nm, an index of 4.8: nine orders at 980 nm."""
    orders = {"data-i": 14, "data-ii": 8}
    (found,) = advice_on_physics(make_spec(**{"physics.numerics": {"orders": orders}}))
    assert str(found) == (
        "physics.numerics.orders.data-ii leaves out orders that propagate: at 980 nm and a period of 2000 nm there are "
        "9 in an index of 4.8, got 8; write 9 or more"
    )
    (found,) = advice_on_physics(make_spec(**{"physics.numerics": {"orders": 8}}))
    assert "a period of 3000 nm there are 14" in found.rule  # of the data set that needs most
    enough = make_spec(**{"physics.numerics": {"orders": {"data-i": 14, "data-ii": 9}}})
    assert advice_on_physics(enough) == []


def test_next_to_no_training(make_spec: MakeSpec) -> None:
    made = make_spec(**{"mdn.learning_rate": 1.0, "methods": ["gan-mdn", {"kind": "forward-search", "epochs": 2}]})
    assert [str(each) for each in advice_on(made) if each.at[0] != "physics"] == [
        "generator.training.steps is too little for a network to learn, got 6; write 100 at least; "
        "the default is 20000",
        "mdn.max_epochs is too little for a network to learn, got 6; write 10 at least; the default is 2000",
        "mdn.learning_rate is more than a training of these networks bears, got 1; the default is 0.001",
        "methods.1.epochs is too little for a network to learn, got 2; write 10 at least; the default is 60",
    ]


@pytest.mark.parametrize("name", ["quickstart", "table1"])
def test_nothing_is_held_against_the_shipped_campaigns(name: str) -> None:
    assert list(advice_on(load_spec(f"specs/{name}.yaml").spec)) == []


def test_a_sample_that_was_written_and_exceeds_the_labels(make_spec: MakeSpec) -> None:
    for labels, told in (({"count": 20}, []), ({"count": 20, "truncation_sample": 21}, ["truncation_sample"])):
        made = make_spec(labels=labels, methods=[])
        assert [each.at[-1] for each in advice_on(made) if each.at[0] == "labels"] == told
