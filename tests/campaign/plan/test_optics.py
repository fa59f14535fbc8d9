from __future__ import annotations

from collections.abc import Callable

import pytest

from campaign.plan.optics import effort, optics_of, simulation_of
from campaign.spec.campaign import Spec
from campaign.spec.solves import stack_at

MakeSpec = Callable[..., Spec]


def test_indices_are_resolved_at_every_wavelength_with_their_source(make_spec: MakeSpec) -> None:
    materials = {"air": {"n": 1}, "silicon": {"table": "c-Si"}, "mirror": {"n": 0, "k": 100}, "spare": {"n": 2}}
    spec = make_spec(**{"physics.wavelength_nm": [600, 700], "physics.materials": materials})
    optics = optics_of(spec.physics, 3, 64)
    assert optics.wavelengths_nm == (600.0, 700.0)
    assert optics.period_nm == 2000.0
    assert set(optics.materials) == {"air", "silicon", "mirror"}  # of which the stack is made
    silicon = optics.materials["silicon"]
    assert silicon.table == "c-Si"
    assert silicon.source
    assert complex(silicon.n[1], silicon.k[1]) == spec.physics.materials["silicon"].index(700.0)
    assert optics.materials["mirror"].k == (100.0, 100.0)


def test_the_unit_cell_is_given_by_its_pixels_or_as_a_whole(make_spec: MakeSpec) -> None:
    by_pixel = make_spec().physics
    assert [optics_of(by_pixel, 2, px).period_nm for px in (64, 96)] == [2000.0, 3000.0]
    whole = by_pixel.model_copy(update={"pixel_nm": None, "period_nm": 1200.0})
    made = [optics_of(whole, 2, px) for px in (64, 96)]
    assert [optics.period_nm for optics in made] == [1200.0, 1200.0]
    assert [optics.pixel_nm for optics in made] == [18.75, 12.5]
    assert stack_at(whole, 96, 980.0).period_nm == 1200.0


def test_orders_are_those_of_the_data_set_or_those_asked_for(make_spec: MakeSpec) -> None:
    spec = make_spec()
    simulation = simulation_of(spec, "data-i")
    assert simulation.physics.numerics.orders == 2
    assert simulation_of(spec, "data-i", 5).physics == simulation.physics.with_orders(5)


def test_the_expected_time_grows_with_harmonics_wavelengths_and_patterns(make_spec: MakeSpec) -> None:
    physics = make_spec().physics
    base = optics_of(physics, 4, 64).expected_seconds()
    assert optics_of(physics, 8, 64).expected_seconds() == pytest.approx(base * (17 / 9) ** 4)
    dense = make_spec(**{"physics.numerics": {"orders": 2, "solver": "eigen"}}).physics
    fewer, more = (optics_of(dense, orders, 64).expected_seconds() for orders in (4, 8))
    assert more == pytest.approx(fewer * (17 / 9) ** 6)
    twice = make_spec(**{"physics.wavelength_nm": [900, 980]}).physics
    assert optics_of(twice, 4, 64).expected_seconds() == pytest.approx(2 * base)


def test_the_effort_is_the_same_for_other_materials_and_another_one_for_other_numerics(make_spec: MakeSpec) -> None:
    def of(**changes: object) -> tuple[object, ...]:
        return effort(simulation_of(make_spec(**changes), "data-ii").physics.model_dump(mode="json"))

    assert of(**{"physics.wavelength_nm": 700}) == of()
    assert of(**{"physics.numerics": {"orders": 3}}) != of()
    assert of(**{"physics.wavelength_nm": [700, 800]}) != of()
