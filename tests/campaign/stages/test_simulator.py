from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from campaign.plan.optics import optics_of
from campaign.spec.campaign import Spec
from campaign.stages.simulator import Simulator
from photonics import rcwa
from photonics.solution import Solution
from results.stores.layout import Status

MakeSpec = Callable[..., Spec]


def simulator_of(spec: Spec) -> Simulator:
    orders, image_px = spec.physics.orders_of("data-ii"), spec.datasets["data-ii"].image_px
    return Simulator.from_config(optics_of(spec.physics, orders, image_px))


@pytest.fixture
def simulator(make_spec: MakeSpec) -> Simulator:
    return simulator_of(make_spec())


@pytest.fixture
def images() -> np.ndarray:
    return (np.random.default_rng(3).random((5, 64, 64)) < 0.4).astype(np.uint8)


def test_a_row_balances_energy(simulator: Simulator, images: np.ndarray) -> None:
    row = simulator.row(images[0])
    assert row["status"] == Status.DONE
    assert row["y"] == row["absorption"]
    assert row["absorption"] == pytest.approx(1 - row["reflection"] - row["transmission"], abs=1e-12)
    assert row["absorption"] == pytest.approx(row["layer_absorption"].sum(), abs=1e-8)
    assert row["seconds"] > 0


def test_the_wanted_property_may_be_one_layer(make_spec: MakeSpec, images: np.ndarray) -> None:
    spec = make_spec(**{"physics.property": "film"})
    row = simulator_of(spec).row(images[0])
    assert row["y"] == row["layer_absorption"][1] != row["absorption"]


@pytest.mark.parametrize("name", ["reflection", "transmission"])
def test_the_wanted_property_may_be_where_the_light_goes(make_spec: MakeSpec, images: np.ndarray, name: str) -> None:
    simulator = simulator_of(make_spec(**{"physics.property": name, "physics.substrate": "air"}))
    row = simulator.row(images[0])
    assert simulator.property_names == (name,)
    assert row["y"] == row[name] > 0.001


def test_the_wanted_property_may_be_at_some_of_the_wavelengths(make_spec: MakeSpec, images: np.ndarray) -> None:
    wanted = {"of": "reflection", "wavelength_nm": [900, 980]}
    stack = {"physics.wavelength_nm": [900, 940, 980]}
    row = simulator_of(make_spec(**stack, **{"physics.property": wanted})).row(images[0])
    whole = simulator_of(make_spec(**stack, **{"physics.property": "reflection"})).row(images[0])
    np.testing.assert_array_equal(row["spectrum"], whole["spectrum"])
    assert row["y"] == pytest.approx((whole["spectrum"][0] + whole["spectrum"][2]) / 2, rel=1e-15)
    assert whole["y"] == whole["spectrum"].mean()


def test_white_pixels_are_the_white_material(make_spec: MakeSpec) -> None:
    """All white is a layer of air: the same as a stack that is only the film."""
    spec = make_spec()
    simulator = simulator_of(spec)
    white = simulator.row(np.ones((64, 64), np.uint8))
    black = simulator.row(np.zeros((64, 64), np.uint8))
    assert white["layer_absorption"][0] == pytest.approx(0, abs=1e-12)
    assert black["layer_absorption"][0] > 1e-3


def test_a_simulation_without_energy_balance_is_a_failed_row(
    simulator: Simulator, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaign.stages.simulator.ENERGY_TOLERANCE", -1.0)  # which no simulation keeps
    row = simulator.row(images[0])
    assert row["status"] == Status.FAILED
    assert np.isnan(row["y"])
    assert np.isnan(row["layer_absorption"]).all()
    assert row["error_class"] == "FloatingPointError"
    assert row["error_message"].startswith("energy balance is off by")


def test_a_mistake_in_code_or_inputs_is_raised(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="0 and 1"):
        simulator.row(np.full((64, 64), 7, np.uint8))


@pytest.mark.parametrize("wavelengths", [980.0, [900.0, 980.0]])
def test_rows_of_a_batch_are_those_of_the_images_alone(
    make_spec: MakeSpec, images: np.ndarray, wavelengths: object
) -> None:
    simulator = simulator_of(make_spec(**{"physics.wavelength_nm": wavelengths}))
    assert simulator.at_once > 1
    for row, image in zip(simulator.rows(images), images, strict=True):
        alone = simulator.row(image)
        for name in row.keys() - {"seconds"}:
            np.testing.assert_array_equal(row[name], alone[name])


def test_an_image_of_a_batch_that_fails_leaves_the_others(
    simulator: Simulator, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = simulator.row(images[0])

    def solve_spectrum(stacks: object, images: np.ndarray, *rest: object, keep_failures: bool) -> tuple[Solution, ...]:
        assert keep_failures
        found = rcwa.solve(stacks[0], images, *rest)  # type: ignore[index, arg-type]
        return (replace(found, failures={1: "image 1 is at a resonance"}),)

    monkeypatch.setattr("photonics.rcwa.solve_spectrum", solve_spectrum)
    first, second, _ = simulator.rows(images[:3])
    assert first["y"] == expected["y"]
    assert (second["status"], second["error_class"]) == (Status.FAILED, "SolverError")
    assert second["error_message"] == "image 1 is at a resonance"
    assert np.isnan(second["y"])


def test_images_whose_bits_would_depend_on_their_batch_come_one_at_a_time(make_spec: MakeSpec) -> None:
    assert simulator_of(make_spec(**{"physics.numerics": {"orders": 1, "solver": "transfer"}})).at_once == 1
