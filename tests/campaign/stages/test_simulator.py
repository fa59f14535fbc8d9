from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from campaign.plan.optics import optics_of
from campaign.spec.campaign import Spec
from campaign.stages.simulator import Simulator
from results.layout import Status

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
