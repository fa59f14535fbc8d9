"""Simulated beside published absorption."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from command import campaign

from campaign.plan.optics import optics_of
from campaign.published.agreement import Agreement, validate_physics
from campaign.spec.campaign import Spec
from campaign.stages.simulator import Simulator
from photonics.rcwa import SolverError

MakeSpec = Callable[..., Spec]
PROJECT = Path(__file__).parents[3]
TEXTURE = PROJECT / "specs" / "physics" / "oxide-texture.yaml"


@pytest.fixture
def images() -> np.ndarray:
    return (np.random.default_rng(3).random((4, 64, 64)) < 0.4).astype(np.uint8)


@pytest.fixture
def published(images: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "data.hdf5"
    with h5py.File(path, "w") as file:
        file["z"] = np.zeros((len(images), 2, 2), np.float32)
        file["x"] = images
        file["y"] = np.array([0.6, 0.65, 0.7, 0.62])
    return path


def test_figures_are_those_of_their_definitions() -> None:
    simulated, published = np.array([0.5, 0.6, 0.8, np.nan]), np.array([0.4, 0.6, 0.7, 0.9])
    found = Agreement.of(simulated, published)
    assert (found.n, found.failed) == (3, 1)
    assert found.r == pytest.approx(np.corrcoef(simulated[:3], published[:3])[0, 1])
    assert found.rmse == pytest.approx(math.sqrt(0.02 / 3))
    assert found.bias == pytest.approx(0.2 / 3)
    assert found.std_ratio == pytest.approx(simulated[:3].std() / published[:3].std())


def test_constants_have_no_correlation_and_nothing_has_no_agreement() -> None:
    found = Agreement.of(np.array([0.5, 0.5]), np.array([0.4, 0.7]))
    assert math.isnan(found.r)
    assert found.std_ratio == 0
    with pytest.raises(ValueError, match="simulated must hold at least one finite value, got none of 2"):
        Agreement.of(np.full(2, np.nan), np.zeros(2))


def test_a_physics_agrees_with_itself(make_spec: MakeSpec, images: np.ndarray) -> None:
    physics, heard = make_spec().physics, []
    simulator = Simulator.from_config(optics_of(physics, 2, 64))
    y = np.array([simulator.row(image)["y"] for image in images])
    found = validate_physics(physics, 2, images, y, lambda done, total: heard.append((done, total)))
    assert found == Agreement(r=pytest.approx(1), rmse=0, bias=0, std_ratio=1, n=4, failed=0)
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_why_nothing_could_be_simulated_is_told(
    make_spec: MakeSpec, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    physics = make_spec(**{"physics.numerics.pixels": "dft"}).physics
    with pytest.raises(ValueError, match="orders must be at most 15 for images of 64 pixels"):
        validate_physics(physics, 16, images, np.zeros(4))

    def fail(*_: object) -> None:
        raise SolverError("image 0 of 1: the stack is at a resonance")

    monkeypatch.setattr("photonics.rcwa.solve_spectrum", fail)
    message = "no image could be simulated, the first because: image 0 of 1: the stack is at a resonance"
    with pytest.raises(ValueError, match=message):
        validate_physics(physics, 2, images, np.zeros(4))


@pytest.mark.long
def test_command_prints_the_figures(published: Path) -> None:
    done = campaign("validate-physics", TEXTURE, published, "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"r", "rmse", "bias", "std_ratio", "n", "failed"}
    assert json.loads(done.stdout)["n"] == 4
    assert (
        campaign("validate-physics", PROJECT / "specs" / "quickstart.yaml", published, "--json").stdout == done.stdout
    )
    assert "std ratio" in campaign("validate-physics", TEXTURE, published).stdout


@pytest.mark.long
def test_command_tells_what_is_wrong(published: Path, tmp_path: Path) -> None:
    done = campaign("validate-physics", TEXTURE, TEXTURE)
    assert (done.returncode, done.stderr) == (2, f"{TEXTURE} is not an HDF5 file\n")
    broken = tmp_path / "broken.yaml"
    broken.write_text(TEXTURE.read_text().replace("wavelength_nm: 550", "wavelength_nm: 5.5e-7"))
    done = campaign("validate-physics", broken, published)
    assert done.returncode == 2
    assert (
        "broken.yaml:4:16: wavelength_nm: must be at least 1, got 5.5e-7; looks like metres, write 550" in done.stderr
    )
    other = tmp_path / "other.yaml"
    other.write_text(TEXTURE.read_text().replace("orders: 4", "orders: {data-i: 4, fine: 4}"))
    done = campaign("validate-physics", other, published)
    assert done.returncode == 2
    assert done.stderr == (
        "orders differ between data sets (data-i, fine), and which one has images of 64 pixels is not known; name it "
        "with --dataset\n"
    )
    assert campaign("validate-physics", other, published, "--dataset", "fine", "--json").returncode == 0
