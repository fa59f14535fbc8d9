"""Units of a store as workers do them, and rows of an unfinished one, kept on disk until the others are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from campaign.plan.optics import optics_of
from campaign.spec.campaign import Spec
from campaign.stages.simulator import Simulator
from campaign.work import unit as module
from campaign.work.unit import SimulationJob, Unit, UnitCheckpoint, columns_of, simulate_unit
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.stores.store import SimulationStore


def row(y: float) -> dict[str, object]:
    return {"y": y, "layer_absorption": np.array([y, 1 - y]), "error_message": "" if y < 1 else "off"}


def test_rows_of_several_processes_add_up(tmp_path: Path) -> None:
    for position, y in ((2, 0.2), (0, 1.0)):
        checkpoint = UnitCheckpoint(tmp_path)
        checkpoint.add(position, row(y))
        checkpoint.keep()
    found = UnitCheckpoint(tmp_path).rows
    assert sorted(found) == [0, 2]
    assert found[2]["y"] == 0.2
    assert found[0]["error_message"] == "off"
    np.testing.assert_array_equal(found[2]["layer_absorption"], [0.2, 0.8])


def test_what_is_not_kept_yet_is_at_risk_for_some_seconds_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = UnitCheckpoint(tmp_path)
    checkpoint.add(0, row(0.1))
    assert UnitCheckpoint(tmp_path).rows == {}
    monkeypatch.setattr(module, "SECONDS_AT_RISK", -1.0)
    checkpoint.add(1, row(0.2))
    assert sorted(UnitCheckpoint(tmp_path).rows) == [0, 1]


def test_keeping_again_writes_what_is_new(tmp_path: Path) -> None:
    checkpoint = UnitCheckpoint(tmp_path)
    checkpoint.add(0, row(0.1))
    checkpoint.keep()
    checkpoint.keep()
    assert len(list(tmp_path.glob("rows-*.npz"))) == 1
    checkpoint.clear()
    assert not tmp_path.exists()
    assert UnitCheckpoint(tmp_path).rows == {}


def test_columns_hold_one_entry_a_row() -> None:
    columns = columns_of([row(0.1), row(0.2)])
    assert columns["y"].tolist() == [0.1, 0.2]
    assert columns["layer_absorption"].shape == (2, 2)


@pytest.fixture
def simulator(make_spec: Callable[..., Spec]) -> Simulator:
    return Simulator.from_config(optics_of(make_spec().physics, 1, 64))


@pytest.fixture
def images() -> np.ndarray:
    return (np.random.default_rng(3).random((5, 64, 64)) < 0.4).astype(np.uint8)


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
