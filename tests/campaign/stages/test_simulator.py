from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from campaign.plan.optics import optics_of
from campaign.spec.campaign import Spec
from campaign.stages.simulator import Simulator
from campaign.work.unit import SimulationJob, Unit, simulate_unit
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.layout import Status
from results.store import SimulationStore

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


@pytest.fixture
def make_job(simulator: Simulator, images: np.ndarray, tmp_path: Path) -> Callable[[str], SimulationJob]:
    """Makes a job of five designs in units of two, with a new store of a given name."""
    z = np.arange(20, dtype=np.float32).reshape(5, 2, 2)
    DesignSet({"z": z, "image": pack_images(images), "target": np.linspace(0.5, 0.7, 5)}).save(tmp_path / "designs")

    def make(name: str) -> SimulationJob:
        job = SimulationJob(simulator, tmp_path / "designs", tmp_path / f"{name}.zarr")
        SimulationStore.create(
            job.store, capacity=5, latent_shape=(2, 2), image_px=64, rows_per_unit=2,
            layers=simulator.layer_names, wavelengths_nm=simulator.wavelengths_nm, inputs={"target": "float64"},
        )  # fmt: skip
        return job

    return make


def test_units_in_any_order_make_the_same_store(make_job: Callable[[str], SimulationJob], images: np.ndarray) -> None:
    read = []
    for name, order in (("a", [0, 1, 2]), ("b", [2, 0, 1])):
        job = make_job(name)
        summaries = [simulate_unit(job, Unit(number)) for number in order]
        assert sum(summary.simulations for summary in summaries) == 5
        read.append(SimulationStore.open(job.store).read("y", "z", "image", "target", "status"))
    np.testing.assert_array_equal(read[0]["z"], np.arange(20).reshape(5, 2, 2))
    np.testing.assert_array_equal(read[0]["image"], images)
    np.testing.assert_array_equal(read[0]["target"], np.linspace(0.5, 0.7, 5))
    for name, column in read[0].items():
        np.testing.assert_array_equal(column, read[1][name])


def test_a_unit_whose_worker_died_after_writing_it_is_not_done_again(make_job: Callable[[str], SimulationJob]) -> None:
    job = make_job("a")
    told = simulate_unit(job, Unit(1))
    mark = job.store / "status" / "c" / "1"
    written = mark.stat()
    left = job.checkpoint(1)  # which that worker had no time to clear
    left.add(0, {"y": 7.0})
    left.keep()
    assert simulate_unit(job, Unit(1, deaths=1)) == told
    assert (mark.stat().st_ino, mark.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert not job.checkpoint(1).folder.exists()
