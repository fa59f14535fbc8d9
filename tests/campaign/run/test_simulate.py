"""Images of one's own simulated into a store: right rows, failures kept, gone on with where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from campaign.cli.main import app
from campaign.plan.optics import simulation_of
from campaign.run import simulate
from campaign.run.simulate import SimulatedImages, simulate_images
from campaign.spec.campaign import Spec
from campaign.spec.load import load_spec
from campaign.spec.profile import InProcessProfile
from campaign.stages.simulator import RcwaSimulator, Simulator
from results.stores.layout import Status
from results.stores.store import SimulationStore

IMAGES = (np.random.default_rng(4).random((7, 64, 64)) < 0.5).astype(np.uint8)
HERE = InProcessProfile(kind="in-process", rows_per_unit=2)


@pytest.fixture
def spec(tiny_spec: Path) -> Spec:
    return load_spec(tiny_spec).spec


@pytest.fixture
def images(tmp_path: Path) -> Path:
    np.save(tmp_path / "images.npy", 255 * IMAGES)
    return tmp_path / "images.npy"


@pytest.fixture
def run(spec: Spec, images: Path, tmp_path: Path) -> Callable[..., SimulatedImages]:
    return lambda **more: simulate_images(spec, images, tmp_path / "made.zarr", HERE, **more)


def test_rows_are_those_of_the_simulator(run: Callable[..., SimulatedImages], spec: Spec, tmp_path: Path) -> None:
    heard: list[tuple[int, int, str]] = []
    made = run(progress=lambda *now: heard.append(now))
    assert (made.done, made.failed) == (7, 0)
    assert heard[-1] == (7, 7, "simulations, 0 failed")
    rows = SimulationStore.open(tmp_path / "made.zarr").read("y", "image", "source_image")
    simulator = Simulator.from_config(simulation_of(spec, "data-ii").physics)
    np.testing.assert_allclose(rows["y"], [simulator.row(image)["y"] for image in IMAGES], atol=1e-9)
    np.testing.assert_array_equal(rows["image"], IMAGES)
    assert rows["source_image"][3] == "image 3 of images.npy"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images.npy", "made.zarr"]


def test_a_second_call_does_what_the_first_left(
    run: Callable[..., SimulatedImages], monkeypatch: pytest.MonkeyPatch
) -> None:
    solved: list[int] = []
    rows = RcwaSimulator.rows

    def counted(self: RcwaSimulator, images: np.ndarray) -> list[dict[str, Any]]:
        if len(solved) >= 4:
            raise RuntimeError("the machine is gone")
        solved.extend(range(len(images)))
        return rows(self, images)

    monkeypatch.setattr(RcwaSimulator, "rows", counted)
    with pytest.raises(RuntimeError, match="the machine is gone"):
        run()
    before = len(solved)
    assert before >= 4
    solved.clear()
    monkeypatch.setattr(RcwaSimulator, "rows", lambda self, images: solved.extend(images) or rows(self, images))
    assert run().done == 7
    assert len(solved) == 7 - before


def test_failures_are_rows(
    run: Callable[..., SimulatedImages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = RcwaSimulator.row

    def fails_once(self: RcwaSimulator, image: np.ndarray) -> dict[str, Any]:
        bad = (image == IMAGES[5]).all()
        return self.failed_row("SolverError", "no solution", 0.1) if bad else row(self, image)

    monkeypatch.setattr(RcwaSimulator, "at_once", 1)
    monkeypatch.setattr(RcwaSimulator, "row", fails_once)
    made = run()
    assert (made.done, made.failed) == (6, 1)
    status = SimulationStore.open(tmp_path / "made.zarr").read("status")["status"]
    assert status.tolist() == [Status.DONE] * 5 + [Status.FAILED, Status.DONE]


def test_ctrl_c_ends_it_in_order(run: Callable[..., SimulatedImages], monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*arguments: Any, **more: Any) -> None:
        from campaign.work.resources import InterruptedRunError

        raise InterruptedRunError

    monkeypatch.setattr(simulate, "simulate_designs", stopped)
    with pytest.raises(KeyboardInterrupt):
        run()


def campaign(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "here.yaml").write_text("kind: in-process\n")
    return tmp_path / "here.yaml"


def test_the_command_says_what_was_done(tiny_spec: Path, images: Path, here: Path, tmp_path: Path) -> None:
    done = campaign("simulate", tiny_spec, images, tmp_path / "made.zarr", "--profile", here)
    assert done.exit_code == 0, done.stderr
    assert "7 images read (7 of 64 x 64 pixels), taken as they are" in done.stdout
    assert f"7 simulated, 0 failed: {tmp_path / 'made.zarr'}" in done.stdout
    again = campaign("simulate", tiny_spec, images, tmp_path / "made.zarr", "--profile", here)
    assert again.exit_code == 2
    assert again.stderr.strip() == f"{tmp_path / 'made.zarr'} exists already; name another store, or remove it first"


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (IMAGES[:, :32], (), "must be of 64 x 64 pixels, image 0 of images.npy is of 32 x 64; say how they become so"),
        (IMAGES * np.nan, (), "must hold finite numbers, image 0 of images.npy has NaN or infinity"),
        (IMAGES, ("--dataset", "data-i"), "the spec has no data set 'data-i'; it has data-ii"),
        (IMAGES, ("--array", "x"), ""),
    ],
)
def test_mistakes_are_a_line(
    tiny_spec: Path, here: Path, tmp_path: Path, values: np.ndarray, options: tuple[str, ...], message: str
) -> None:
    np.save(tmp_path / "images.npy", values)
    done = campaign("simulate", tiny_spec, tmp_path / "images.npy", tmp_path / "a.zarr", "--profile", here, *options)
    assert done.exit_code == (2 if message else 0)
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == bool(message)
