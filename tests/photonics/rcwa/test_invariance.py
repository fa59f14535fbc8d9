"""What must not change, whichever solver is asked: energy, symmetries of the image, the choice of cell, direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from photonics.rcwa import Numerics, solve
from photonics.solution import Solution
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]
Symmetry = Callable[[np.ndarray], np.ndarray]
CHOICES = [
    Numerics(orders, truncation, factorization, pixels, solver)
    for orders, truncation, factorization, pixels in [
        (3, "square", "laurent", "dft"),
        (4, "circular", "laurent", "exact"),
        (3, "circular", "li", "exact"),
    ]
    for solver in ("eigen", "transfer")
]


@pytest.fixture(params=CHOICES, ids=lambda n: f"{n.solver}-{n.truncation}-{n.factorization}")
def numerics(request: pytest.FixtureRequest) -> Numerics:
    return request.param


def assert_same(one: Solution, other: Solution, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(other.reflection, one.reflection, atol=tolerance)
    np.testing.assert_allclose(other.transmission, one.transmission, atol=tolerance)
    np.testing.assert_allclose(other.layer_absorption, one.layer_absorption, atol=tolerance)


def mirror_orders(solution: Solution, factors: tuple[int, int], swap: bool = False) -> Solution:
    """What a solution becomes if x and y change sign by ``factors``, then places if ``swap``."""
    changed = solution.orders * factors
    changed = changed[:, ::-1] if swap else changed
    place = [np.flatnonzero((changed == order).all(axis=1))[0] for order in solution.orders]
    return replace(
        solution,
        reflected_orders=solution.reflected_orders[..., place],
        transmitted_orders=solution.transmitted_orders[..., place],
    )


def assert_same_by_order(one: Solution, other: Solution) -> None:
    assert_same(one, other)
    np.testing.assert_allclose(other.reflected_orders, one.reflected_orders, atol=1e-10)
    np.testing.assert_allclose(other.transmitted_orders, one.transmitted_orders, atol=1e-10)


@pytest.mark.parametrize("incidence", [Incidence(), Incidence(33, 71)])
def test_lossless_stacks_keep_all_energy(
    lossless: Stack, make_image: ImageMaker, numerics: Numerics, incidence: Incidence
) -> None:
    solution = solve(lossless, np.stack([make_image(s) for s in range(3)]), numerics, incidence)
    np.testing.assert_allclose(solution.reflection + solution.transmission, 1, atol=1e-10)
    np.testing.assert_allclose(solution.layer_absorption, 0, atol=1e-10)
    assert (solution.transmission > 1e-3).all()


@pytest.mark.parametrize("incidence", [Incidence(), Incidence(33, 71)])
def test_absorption_per_layer_adds_up(
    silicon_on_metal: Stack, make_image: ImageMaker, numerics: Numerics, incidence: Incidence
) -> None:
    solution = solve(silicon_on_metal, make_image(3)[None], numerics, incidence)
    np.testing.assert_allclose(solution.layer_absorption.sum(axis=2), solution.absorption, atol=1e-10)
    assert (solution.layer_absorption > 0).all()


@pytest.mark.parametrize("incidence", [Incidence(), Incidence(33, 71)])
def test_shifting_the_image_changes_nothing(
    silicon_on_metal: Stack, make_image: ImageMaker, numerics: Numerics, incidence: Incidence
) -> None:
    image = make_image(8)
    shifted = np.roll(image, (3, -5), axis=(0, 1))
    assert_same(
        solve(silicon_on_metal, image[None], numerics, incidence),
        solve(silicon_on_metal, shifted[None], numerics, incidence),
    )


@pytest.mark.parametrize(
    ("flip", "signs"), [(np.flipud, (1, -1)), (np.fliplr, (-1, 1))], ids=["upside-down", "left-right"]
)
def test_flipping_the_image_mirrors_the_orders(
    lossless: Stack, make_image: ImageMaker, numerics: Numerics, flip: Symmetry, signs: tuple[int, int]
) -> None:
    image = make_image(9)
    before = solve(lossless, image[None], numerics)
    assert_same_by_order(mirror_orders(before, signs), solve(lossless, flip(image)[None], numerics))
    assert np.abs(before.reflected_orders - mirror_orders(before, signs).reflected_orders).max() > 1e-4


@pytest.mark.parametrize(
    ("turn", "signs"), [(np.rot90, (-1, 1)), (np.transpose, (1, 1))], ids=["quarter-turn", "transpose"]
)
def test_turning_the_image_swaps_the_polarisations(
    lossless: Stack, make_image: ImageMaker, numerics: Numerics, turn: Symmetry, signs: tuple[int, int]
) -> None:
    image = make_image(10)
    before, after = solve(lossless, image[None], numerics), solve(lossless, turn(image)[None], numerics)
    swapped = Solution(
        after.reflection[:, ::-1],
        after.transmission[:, ::-1],
        after.layer_absorption[:, ::-1],
        after.orders,
        after.reflected_orders[:, ::-1],
        after.transmitted_orders[:, ::-1],
        after.error_estimate,
    )
    assert_same_by_order(mirror_orders(before, signs, swap=True), swapped)
    assert np.abs(before.reflection - after.reflection).max() > 1e-4


@pytest.mark.parametrize("incidence", [Incidence(), Incidence(33, 71)])
def test_orders_add_up(lossless: Stack, make_image: ImageMaker, numerics: Numerics, incidence: Incidence) -> None:
    solution = solve(lossless, make_image(3)[None], numerics, incidence)
    np.testing.assert_allclose(solution.reflected_orders.sum(axis=2), solution.reflection, atol=1e-12)
    np.testing.assert_allclose(solution.transmitted_orders.sum(axis=2), solution.transmission, atol=1e-12)
    assert solution.reflected_orders.min() > -1e-12
    # In air and in the substrate only orders up to the index travel.
    tangential = math.sin(math.radians(incidence.polar_deg))
    azimuth, step = math.radians(incidence.azimuth_deg), lossless.wavelength_nm / lossless.period_nm
    parallel = np.hypot(
        tangential * math.cos(azimuth) + step * solution.orders[:, 0],
        tangential * math.sin(azimuth) + step * solution.orders[:, 1],
    )
    assert (np.abs(solution.reflected_orders[0, :, parallel > 1]) < 1e-12).all()
    assert (np.abs(solution.transmitted_orders[0, :, parallel > 1.5]) < 1e-12).all()
    assert (solution.transmitted_orders[0, :, parallel < 1.5] > 1e-7).all()


def test_an_absorbing_substrate_has_no_transmitted_orders(
    silicon_on_metal: Stack, make_image: ImageMaker, numerics: Numerics
) -> None:
    solution = solve(silicon_on_metal, make_image(3)[None], numerics)
    assert np.isnan(solution.transmitted_orders).all()
    np.testing.assert_allclose(solution.reflected_orders.sum(axis=2), solution.reflection, atol=1e-12)


def test_turning_image_and_light_together_changes_nothing(
    silicon_on_metal: Stack, make_image: ImageMaker, numerics: Numerics
) -> None:
    # Rows are y and grow downwards on a screen, so the transpose mirrors the plane at x = y: azimuth a becomes 90 - a.
    image = make_image(11)
    assert_same(
        solve(silicon_on_metal, image[None], numerics, Incidence(40, 25)),
        solve(silicon_on_metal, image.T[None], numerics, Incidence(40, 65)),
    )


@pytest.mark.parametrize("solver", ["eigen", "transfer"])
@pytest.mark.parametrize("pixels", ["dft", "exact"])
def test_doubling_the_cell_at_matching_orders_changes_nothing(
    silicon_on_metal: Stack, make_image: ImageMaker, solver: str, pixels: str
) -> None:
    image = make_image(12)
    single = Numerics(2, "square", pixels=pixels, solver=solver)  # type: ignore[arg-type]
    doubled = replace(silicon_on_metal, period_nm=2 * silicon_on_metal.period_nm)
    assert_same(
        solve(silicon_on_metal, image[None], single),
        solve(doubled, np.tile(image, (2, 2))[None], replace(single, orders=4)),
    )


def test_transmission_is_reciprocal(make_image: ImageMaker, numerics: Numerics) -> None:
    # Only the zero order travels on either side, so unpolarised transmission must not feel the direction.
    layers = (
        UniformLayer("a", 60, 2.0),
        PatternLayer("p", 150, 3.6 + 0.3j, 1.0),
        UniformLayer("b", 90, 1.7 + 0.1j),
    )
    down = Stack(650, 410, 1.0, layers, 1.5)
    up = Stack(650, 410, 1.5, layers[::-1], 1.0)
    image = make_image(13)[None]
    one, other = solve(down, image, numerics).unpolarised(), solve(up, image, numerics).unpolarised()
    np.testing.assert_allclose(other.transmission, one.transmission, atol=1e-10)
    assert abs(one.reflection[0] - other.reflection[0]) > 1e-3
