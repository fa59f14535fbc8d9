"""Families of stacks: their members, gradients, and whether a fit finds what made the data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from photonics.calibration import Family, FamilyLayer, loss_and_gradient, refine, screen, starts
from photonics.materials import table
from photonics.rcwa import Numerics, solve

ImageMaker = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def family() -> Family:
    """A silicon film on silver, etched with the pattern; free: the wavelength, and how deep the etch is."""
    return Family(
        layers=(FamilyLayer("etch", ("air", "silicon")), FamilyLayer("film", ("silicon",))),
        materials={"air": 1.0 + 0j, "silicon": table("c-Si"), "silver": table("Ag")},
        incident="air",
        substrate="silver",
        numerics=Numerics(2),
        wanted="total",
        bounds={"wavelength_nm": (620.0, 700.0), "etch": (40.0, 120.0)},
        fixed={"period_nm": 1000.0, "film": 200.0},
    )


@pytest.fixture(scope="module")
def images(make_image: ImageMaker) -> np.ndarray:
    return np.stack([make_image(seed, px=16) for seed in range(6)])


def test_a_member_takes_its_indices_from_the_tables(family: Family) -> None:
    stack = family.stack(np.array([650.0, 60.0]))
    assert (stack.wavelength_nm, stack.period_nm) == (650.0, 1000.0)
    assert [(layer.name, layer.thickness_nm) for layer in stack.layers] == [("etch", 60.0), ("film", 200.0)]
    assert stack.layers[0].white_index == 1.0
    assert stack.layers[1].index == table("c-Si").index(650)
    assert stack.substrate_index == table("Ag").index(650)


def test_units_and_values_are_inverse_and_keep_to_the_bounds(family: Family) -> None:
    unit = np.array([[0.0, 0.0], [1.0, 1.0], [0.25, 0.5]])
    values = family.values(unit)
    np.testing.assert_allclose(values[:2], [[620, 40], [700, 120]])
    np.testing.assert_allclose(family.unit(values), unit, atol=1e-12)
    drawn = starts(family, 64, seed=1)
    assert ((drawn >= [620, 40]) & (drawn <= [700, 120])).all()
    np.testing.assert_array_equal(drawn, starts(family, 64, seed=1))
    assert not np.array_equal(drawn, starts(family, 64, seed=2))


@pytest.mark.parametrize("wanted", ["total", "reflection", "film"])
@pytest.mark.parametrize(("polarization", "shares"), [("unpolarised", (0.5, 0.5)), ("s", (1, 0)), ("p", (0, 1))])
def test_screening_is_solving(
    family: Family, images: np.ndarray, wanted: str, polarization: str, shares: tuple[float, float]
) -> None:
    family = replace(family, wanted=wanted, polarization=polarization)
    values = np.array([[640.0, 50.0], [680.0, 100.0]])
    for row, parameters in zip(screen(family, values, images), values, strict=True):
        solution = solve(family.stack(parameters), images, family.numerics)
        known = {"total": solution.absorption, "reflection": solution.reflection}
        expected = known.get(wanted, solution.layer_absorption[..., 1])
        np.testing.assert_allclose(row, expected @ np.array(shares), atol=1e-12)


def test_a_band_is_a_mean_over_its_wavelengths(family: Family, images: np.ndarray) -> None:
    values = np.array([643.0, 71.0])
    band = replace(family, band=(0.98, 1.0, 1.03))
    of_each = [screen(family, values[None] * [ratio, 1.0], images)[0] for ratio in band.band]
    np.testing.assert_allclose(screen(band, values[None], images)[0], np.mean(of_each, axis=0), atol=1e-12)
    targets = np.full(2, 0.4)
    loss, gradient = loss_and_gradient(band, values, images[:2], targets)
    assert loss == pytest.approx(np.mean((np.mean(of_each, axis=0)[:2] - targets) ** 2), rel=1e-9)
    step = np.array([1e-3, 0.0])
    ends = [loss_and_gradient(band, values + sign * step, images[:2], targets)[0] for sign in (-1, 1)]
    assert gradient[0] == pytest.approx((ends[1] - ends[0]) / 2e-3, rel=1e-5)


def test_what_cannot_be_simulated_is_not_a_number(family: Family, images: np.ndarray) -> None:
    outside = replace(family, bounds={"wavelength_nm": (620.0, 5000.0), "etch": (40.0, 120.0)})
    found = screen(outside, np.array([[4000.0, 50.0], [640.0, 50.0]]), images)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("wanted", ["total", "reflection", "transmission", "film"])
def test_gradient_is_that_of_finite_differences(family: Family, images: np.ndarray, wanted: str) -> None:
    family, targets = replace(family, wanted=wanted, polarization="s"), np.full(2, 0.4)
    # Between points of the tables, which are 10 nm apart or more: at one the slope has a step.
    values = np.array([643.0, 71.0])
    loss, gradient = loss_and_gradient(family, values, images[:2], targets)
    simulated = screen(family, values[None], images[:2])[0]
    assert loss == pytest.approx(np.mean((simulated - targets) ** 2), rel=1e-9)
    assert gradient == pytest.approx(slopes(family, values, images[:2], targets), rel=1e-5, abs=1e-10)


def slopes(family: Family, values: np.ndarray, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Gradient of the loss by finite differences."""
    step = 1e-6 * values
    ends = [
        [loss_and_gradient(family, values + sign * moved, images, targets)[0] for sign in (-1, 1)]
        for moved in np.diag(step)
    ]
    return np.diff(ends)[:, 0] / (2 * step)


def test_a_period_in_wavelengths_grows_with_the_wavelength(family: Family, images: np.ndarray) -> None:
    bounds = {**family.bounds, "period_wavelengths": (1.4, 2.0)}
    scaled, targets = replace(family, bounds=bounds, fixed={"film": 200.0}), np.full(2, 0.5)
    values = np.array([643.0, 60.0, 1.6])
    assert scaled.stack(values).period_nm == pytest.approx(1.6 * 643)
    _, gradient = loss_and_gradient(scaled, values, images[:2], targets)
    assert gradient == pytest.approx(slopes(scaled, values, images[:2], targets), rel=1e-4, abs=1e-9)


@pytest.mark.long
def test_a_descent_finds_the_stack_that_made_the_data(family: Family, images: np.ndarray) -> None:
    truth = np.array([655.0, 80.0])
    targets = screen(family, truth[None], images)[0]
    fit = refine(family, np.array([649.0, 74.0]), images, targets, iterations=20)
    assert fit.loss < 1e-10
    np.testing.assert_allclose(fit.values, truth, rtol=1e-3)


def test_a_descent_keeps_to_the_bounds(family: Family, images: np.ndarray) -> None:
    targets = screen(family, np.array([[655.0, 150.0]]), images)[0]
    fit = refine(family, np.array([655.0, 110.0]), images, targets, iterations=4)
    assert (fit.values >= [620, 40]).all()
    assert (fit.values <= [700.0 + 1e-9, 120.0 + 1e-9]).all()


def test_a_descent_from_where_nothing_can_be_simulated_has_an_infinite_loss(family: Family, images: np.ndarray) -> None:
    outside = replace(family, bounds={"wavelength_nm": (3000.0, 5000.0), "etch": (40.0, 120.0)})
    start = np.array([4000.0, 60.0])
    fit = refine(outside, start, images, np.full(len(images), 0.5), iterations=2)
    assert fit.loss == np.inf
    np.testing.assert_array_equal(fit.values, start)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"fixed": {"film": 200.0}},
            "bounds and fixed must together name each of etch, film, period_nm, wavelength_nm once, got "
            "etch, film, wavelength_nm",
        ),
        (
            {"bounds": {}, "fixed": {"wavelength_nm": 650.0, "period_nm": 1e3, "etch": 60.0, "film": 200.0}},
            "bounds must leave at least one parameter free, got none; widen the range of one",
        ),
        (
            {"bounds": {"wavelength_nm": (620.0, 700.0), "etch": (120.0, 40.0)}},
            "bounds of 'etch' must be two numbers with 0 < low < high, got 120.0 and 40.0",
        ),
    ],
)
def test_bad_families_are_refused(family: Family, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        replace(family, **changes)
