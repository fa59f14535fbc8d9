"""Calibration: its file, its steps on a pool that runs in this process, and the command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command import campaign

from campaign.plan.optics import optics_of
from campaign.published.calibrate import Calibrator
from campaign.spec.calibration import Calibration, physics_yaml
from campaign.spec.load import SpecError, load_calibration, load_physics
from campaign.spec.physics import Physics
from campaign.spec.property import PropertyBlock
from campaign.stages.simulator import Simulator
from photonics.materials import TABLES

PROJECT = Path(__file__).parents[3]

FAMILY = """\
physics:
  wavelength_nm: 640
  pixel_nm: 31.25
  materials:
    air: {n: 1}
    silicon: {table: c-Si}
    mirror: {table: Ag}
  incident: air
  layers:
    - {kind: pattern, name: etch, thickness_nm: 60, white: air, black: silicon}
    - {kind: film, name: film, thickness_nm: 200, material: silicon}
  substrate: mirror
  numerics: {orders: {data-i: 3, data-ii: 2}}
fit:
  wavelength_nm: [630, 660]
  thickness_nm: {etch: [55, 70]}
  materials: {mirror: [SiO2, Al]}
starts: 8
descents: 2
iterations: 10
folds: 2
"""
# For what does not ask how well it fits.
SHORT = FAMILY.replace("starts: 8", "starts: 4").replace("iterations: 10", "iterations: 2")


class HerePool:
    """A pool that runs every task at once; stops after ``allowed`` of them."""

    def __init__(self, allowed: float = float("inf")) -> None:
        self.allowed, self.done = allowed, 0

    def share(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.done == self.allowed:
            future.set_exception(KeyboardInterrupt())
            return future
        self.done += 1
        future.set_result(function(*arguments))
        return future


class CountingPool(HerePool):
    """Notes how many simulations each task asked for: stacks times images."""

    def __init__(self, simulations: list[int]) -> None:
        super().__init__()
        self.simulations = simulations

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        _, values, images, *_ = arguments
        self.simulations.append(np.atleast_2d(values).shape[0] * len(images))
        return super().submit(function, *arguments)


@pytest.fixture
def family(tmp_path: Path) -> Path:
    path = tmp_path / "family.yaml"
    path.write_text(FAMILY)
    return path


@pytest.fixture
def images() -> np.ndarray:
    # Coarse enough for a few orders to tell images apart.
    blocks = np.random.default_rng(5).random((6, 4, 4)) < 0.4
    return blocks.repeat(16, axis=1).repeat(16, axis=2).astype(np.uint8)


@pytest.fixture
def published(images: np.ndarray) -> np.ndarray:
    """Labels of a member of the family: 645 nm, etched 62 nm, on aluminium."""
    text = FAMILY.replace("wavelength_nm: 640", "wavelength_nm: 645").replace("thickness_nm: 60", "thickness_nm: 62")
    physics = Physics.model_validate(plain(text.replace("{table: Ag}", "{table: Al}"))["physics"])
    simulator = Simulator.from_config(optics_of(physics, 2, 64))
    return np.array([simulator.row(image)["y"] for image in images])


def plain(text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(text)


@pytest.mark.long
def test_finds_the_stack_that_made_the_labels(
    family: Path, images: np.ndarray, published: np.ndarray, tmp_path: Path
) -> None:
    calibration, orders = load_calibration(family, 64)
    heard: list[tuple[int, int, str]] = []
    calibrator = Calibrator(calibration, orders, images, published)
    outcome = calibrator.run(HerePool(), tmp_path, lambda *now: heard.append(now))  # type: ignore[arg-type]
    assert outcome.physics.materials["mirror"].table == "Al"
    assert 630 <= outcome.physics.wavelength_nm <= 660
    assert 55 <= outcome.physics.layers[0].thickness_nm <= 70
    assert outcome.physics.layers[1].thickness_nm == 200
    assert outcome.fitted.r > 0.99
    assert outcome.fitted.rmse < 0.1 * published.std()
    assert outcome.held_out.r > 0.98
    assert outcome.held_out.n == 6
    assert heard[0] == (0, 2, "starts")  # one task for each mirror
    assert heard[-1] == (3, 3, "checks")
    report = json.loads(json.dumps(outcome.to_dict()))
    assert len(report["predictions"]) == 6

    written = tmp_path / "found.yaml"
    written.write_text(outcome.physics_file("campaign calibrate data.hdf5"))
    assert "pairs held out, fold by fold: r " in written.read_text()
    assert load_physics(written, 64) == (outcome.physics, 2)


@pytest.mark.long
def test_starts_that_miss_the_first_pairs_are_not_tried_on_the_others(
    family: Path, images: np.ndarray, published: np.ndarray, tmp_path: Path
) -> None:
    short = FAMILY.replace("iterations: 10", "iterations: 3")
    family.write_text(short)
    every = Calibrator(*load_calibration(family, 64), images, published)
    family.write_text(short + "screening_pairs: 3\nfinalists: 2\n")
    some = Calibrator(*load_calibration(family, 64), images, published)
    simulations: list[int] = []
    outcome = some.run(CountingPool(simulations), tmp_path, lambda *now: None)  # type: ignore[arg-type]
    best = every.run(HerePool(), tmp_path, lambda *now: None)  # type: ignore[arg-type]
    assert outcome.physics == best.physics
    assert outcome.held_out.r > 0.98
    first, then = simulations[:2], simulations[2:-9]  # before six descents and three checks
    assert first == [8 * 3, 8 * 3]  # of both mirrors
    assert 2 * 3 <= sum(then) <= 3 * 2 * 3  # the best two for both folds and for all pairs, on the other three images


@pytest.mark.long
def test_pairs_of_a_fold_do_not_choose_its_finalists(
    family: Path, images: np.ndarray, published: np.ndarray, tmp_path: Path
) -> None:
    family.write_text(SHORT + "screening_pairs: 2\nfinalists: 1\n")
    calibration, orders = load_calibration(family, 64)
    outcome = Calibrator(calibration, orders, images, published).run(HerePool(), tmp_path, lambda *now: None)  # type: ignore[arg-type]
    moved = published.copy()
    moved[0] += 0.2  # fold 0: what is predicted for it comes from the pairs of fold 1
    other = Calibrator(calibration, orders, images, moved).run(HerePool(), tmp_path, lambda *now: None)  # type: ignore[arg-type]
    np.testing.assert_array_equal(other.predictions[::2], outcome.predictions[::2])
    assert (other.predictions[1::2] != outcome.predictions[1::2]).all()


@pytest.mark.long
def test_a_mean_over_a_band_is_calibrated_too(
    family: Path, images: np.ndarray, published: np.ndarray, tmp_path: Path
) -> None:
    family.write_text(SHORT.replace("wavelength_nm: 640", "wavelength_nm: [608, 640, 672]"))
    calibration, orders = load_calibration(family, 64)
    outcome = Calibrator(calibration, orders, images, published).run(HerePool(), tmp_path, lambda *now: None)  # type: ignore[arg-type]
    below, middle, above = outcome.physics.wavelength_nm
    assert 630 <= middle <= 660
    assert (below / middle, above / middle) == pytest.approx((0.95, 1.05), abs=1e-4)
    simulator = Simulator.from_config(optics_of(outcome.physics, outcome.orders, 64))
    simulated = np.array([simulator.row(image)["y"] for image in images])
    assert np.sqrt(np.mean((simulated - published) ** 2)) == pytest.approx(outcome.fitted.rmse, abs=1e-4)


@pytest.mark.long
def test_a_reflection_at_some_of_the_wavelengths_is_calibrated_too(
    family: Path, images: np.ndarray, tmp_path: Path
) -> None:
    written = SHORT.replace("wavelength_nm: 640", "wavelength_nm: [608, 640, 672]")
    family.write_text(
        written.replace("  numerics:", "  property: {of: reflection, wavelength_nm: [608, 640]}\n  numerics:")
    )
    calibration, orders = load_calibration(family, 64)
    truth = Simulator.from_config(optics_of(calibration.physics, orders, 64))
    published = np.array([truth.row(image)["y"] for image in images])
    outcome = Calibrator(calibration, orders, images, published).run(HerePool(), tmp_path, lambda *now: None)  # type: ignore[arg-type]
    first, second, _ = outcome.physics.wavelength_nm
    assert outcome.physics.property == PropertyBlock(of="reflection", wavelength_nm=(first, second))
    found = Simulator.from_config(optics_of(outcome.physics, outcome.orders, 64))
    simulated = np.array([found.row(image)["y"] for image in images])
    assert np.sqrt(np.mean((simulated - published) ** 2)) == pytest.approx(outcome.fitted.rmse, abs=1e-4)


@pytest.mark.long
def test_goes_on_where_it_was_stopped(family: Path, images: np.ndarray, published: np.ndarray, tmp_path: Path) -> None:
    family.write_text(SHORT)
    calibration, orders = load_calibration(family, 64)
    calibrator = Calibrator(calibration, orders, images, published)
    with pytest.raises(KeyboardInterrupt):
        calibrator.run(HerePool(allowed=5), tmp_path / "stopped", lambda *now: None)  # type: ignore[arg-type]
    rest, whole = HerePool(), HerePool()
    resumed = calibrator.run(rest, tmp_path / "stopped", lambda *now: None)  # type: ignore[arg-type]
    undisturbed = calibrator.run(whole, tmp_path / "whole", lambda *now: None)  # type: ignore[arg-type]
    # The sixth task ended the run before its neighbours' results were read.
    assert whole.done - 5 <= rest.done < whole.done
    assert resumed.to_dict() == undisturbed.to_dict()


def test_what_enters_the_result_enters_the_key(family: Path, images: np.ndarray, published: np.ndarray) -> None:
    calibration, orders = load_calibration(family, 64)
    key = Calibrator(calibration, orders, images, published).key
    assert key == Calibrator(calibration, orders, images.copy(), published.copy()).key
    others = [
        Calibrator(calibration.model_copy(update={"starts": 9}), orders, images, published),
        Calibrator(calibration, orders + 1, images, published),
        Calibrator(calibration, orders, 1 - images, published),
        Calibrator(calibration, orders, images, published + 0.01),
    ]
    assert len({key, *(other.key for other in others)}) == 5


@pytest.mark.long
def test_orders_to_try_scale_those_of_other_data_sets(
    family: Path, images: np.ndarray, published: np.ndarray, tmp_path: Path
) -> None:
    family.write_text(SHORT.replace("  materials: {mirror: [SiO2, Al]}\n", "  orders: [4]\n"))
    calibration, orders = load_calibration(family, 64)
    calibrator = Calibrator(calibration, orders, images[:2], published[:2])
    outcome = calibrator.run(HerePool(), tmp_path, lambda *now: None)  # type: ignore[arg-type]
    assert outcome.orders == 4
    assert outcome.physics.numerics.orders == {"data-i": 6, "data-ii": 4}


def test_a_physics_file_alone_frees_everything_around_its_values() -> None:
    calibration, orders = load_calibration(PROJECT / "specs" / "physics" / "oxide-texture.yaml", 64)
    images, published = np.zeros((5, 64, 64), np.uint8), np.linspace(0, 1, 5)
    [made] = Calibrator(calibration, orders, images, published).families
    assert set(made.free) == {"wavelength_nm", "period_nm", "texture", "film"}
    low, high = made.bounds["wavelength_nm"]
    assert low < 550 < high
    assert made.bounds["period_nm"] == pytest.approx((1050 / 1.3, 1050 * 1.3))
    assert made.fixed == {}


def test_a_period_may_be_given_in_wavelengths(family: Path, images: np.ndarray, published: np.ndarray) -> None:
    family.write_text(FAMILY.replace("  thickness_nm: {etch", "  period_wavelengths: [1.4, 2]\n  thickness_nm: {etch"))
    calibrator = Calibrator(*load_calibration(family, 64), images, published)
    assert calibrator.families[0].free == ("wavelength_nm", "period_wavelengths", "etch")
    assert calibrator._physics(0, [640, 1.6, 60]).pixel_nm == 16
    family.write_text(family.read_text().replace("pixel_nm: 31.25", "period_nm: 2000"))
    whole = Calibrator(*load_calibration(family, 64), images, published)._physics(0, [640, 1.6, 60])
    assert (whole.pixel_nm, whole.period_nm) == (None, 1024)


def test_a_campaign_lends_its_physics() -> None:
    spec = PROJECT / "specs" / "table1.yaml"
    calibration, orders = load_calibration(spec, 64)
    assert (calibration.physics, orders) == load_physics(spec, 64)


def test_nothing_to_start_from_is_told(family: Path, images: np.ndarray, published: np.ndarray, tmp_path: Path) -> None:
    family.write_text(FAMILY.replace("wavelength_nm: [630, 660]", "wavelength_nm: [4000, 5000]"))
    calibrator = Calibrator(*load_calibration(family, 64), images, published)
    message = "no start could be simulated: widen the ranges, or move the wavelengths into the tables"
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        calibrator.run(HerePool(), tmp_path, lambda *now: None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "etch: [55, 70]",
            "etchh: [55, 70]",
            "16:25: fit.thickness_nm.etchh: must be a layer of the stack, got [55, 70]; did you mean 'etch'?",
        ),
        (
            "etch: [55, 70]",
            "etch: [0, 70]",
            "16:24: fit.thickness_nm.etch: must be [low, high] with 0 < low < high, got [0, 70]; "
            "for example [100, 300]",
        ),
        (
            "mirror: [SiO2, Al]",
            "mirror: [SiO2, Cu]",
            "17:30: fit.materials.mirror[1]: must name a tabulated material, got 'Cu'; "
            f"known: {', '.join(TABLES)}, or a file.csv",
        ),
        (
            "mirror: [SiO2, Al]",
            "metal: [Ag]",
            "17:22: fit.materials.metal: must be a material of the stack, got ['Ag']; known: air, silicon, mirror",
        ),
        (
            "  wavelength_nm: [630, 660]\n",
            "  pixel_nm: [20, 40]\n  period_wavelengths: [1.4, 2]\n",
            "16:23: fit.period_wavelengths: must not stand beside pixel_nm, got [1.4, 2]; leave out one of the two",
        ),
        (
            "  numerics:",
            "  property: [reflection, total]\n  numerics:",
            "13:13: physics.property: must be one, as that of published pairs is, got ['reflection', 'total']; "
            "choose one of them",
        ),
        ("folds: 2", "folds: 1", "21:8: folds: must be at least 2, got 1"),
        ("descents: 2", "decents: 2", "19:1: decents: is not a known key, got 'decents'; did you mean 'descents'?"),
    ],
)
def test_mistakes_in_the_file_are_located(family: Path, right: str, wrong: str, message: str) -> None:
    family.write_text(FAMILY.replace(right, wrong))
    with pytest.raises(SpecError) as raised:
        load_calibration(family, 64)
    told = "\n".join(str(problem) for problem in raised.value.problems)
    assert message in told.replace(f"{family}:", "")


@pytest.mark.parametrize(
    ("pairs", "folds", "line"),
    [
        (1, 2, "at least as many pairs as folds, 2, got 1; give more pairs, or write folds: 2 in a calibration"),
        (4, 5, "at least as many pairs as folds, 5, got 4; give more pairs, or write folds: 4 in a calibration"),
    ],
)
def test_pairs_that_leave_a_fold_empty_are_refused(
    family: Path, images: np.ndarray, pairs: int, folds: int, line: str
) -> None:
    family.write_text(FAMILY.replace("folds: 2", f"folds: {folds}"))
    calibration, orders = load_calibration(family, 64)
    with pytest.raises(ValueError, match=f"there must be {line}"):
        Calibrator(calibration, orders, images[:pairs], np.linspace(0, 1, pairs))


def test_pairs_of_one_property_are_refused(family: Path, images: np.ndarray) -> None:
    calibration, orders = load_calibration(family, 64)
    with pytest.raises(ValueError, match=r"the published property must differ between pairs, got 0\.5 for all 6"):
        Calibrator(calibration, orders, images, np.full(6, 0.5))


def test_defaults_stay_out_of_a_written_file() -> None:
    physics = Calibration.model_validate(plain(FAMILY)).physics
    text = physics_yaml(physics, ["made by hand"])
    assert text.startswith("# made by hand\n")
    assert "polarization" not in text
    assert Physics.model_validate(plain(text)) == physics


@pytest.mark.long
@pytest.mark.parametrize(
    "profile", ["kind: in-process", pytest.param("kind: local", marks=[pytest.mark.ray, pytest.mark.slow])]
)
def test_command_calibrates(
    family: Path, images: np.ndarray, published: np.ndarray, profile: str, tmp_path: Path
) -> None:
    data, place, output = tmp_path / "data.hdf5", tmp_path / "profile.yaml", tmp_path / "found.yaml"
    place.write_text(profile)
    with h5py.File(data, "w") as file:
        file["z"], file["x"], file["y"] = np.zeros((6, 2, 2), np.float32), images, published
    options = ("--physics", family, "--output", output, "--profile", place, "--runs", tmp_path, "--json")
    done = campaign("calibrate", data, *options)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["fitted"]["r"] > 0.99
    found = json.loads(campaign("validate-physics", output, data, "--json").stdout)
    assert found["r"] == pytest.approx(report["fitted"]["r"], abs=1e-4)
