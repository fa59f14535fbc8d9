"""What must not change, whichever solver is asked: energy, symmetries of the image, the choice of cell, direction."""

from __future__ import annotations

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
    Numerics(orders, truncation, pixels=pixels, solver=solver)
    for orders, truncation, pixels in [(3, "square", "dft"), (4, "circular", "exact")]
    for solver in ("eigen", "transfer")
]


@pytest.fixture(params=CHOICES, ids=lambda n: f"{n.solver}-{n.truncation}-{n.pixels}")
def numerics(request: pytest.FixtureRequest) -> Numerics:
    return request.param


def assert_same(one: Solution, other: Solution, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(other.reflection, one.reflection, atol=tolerance)
    np.testing.assert_allclose(other.transmission, one.transmission, atol=tolerance)
    np.testing.assert_allclose(other.layer_absorption, one.layer_absorption, atol=tolerance)


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


@pytest.mark.parametrize("flip", [np.flipud, np.fliplr], ids=["upside-down", "left-right"])
def test_flipping_the_image_changes_nothing(
    silicon_on_metal: Stack, make_image: ImageMaker, numerics: Numerics, flip: Symmetry
) -> None:
    image = make_image(9)
    assert_same(solve(silicon_on_metal, image[None], numerics), solve(silicon_on_metal, flip(image)[None], numerics))


@pytest.mark.parametrize("turn", [np.rot90, np.transpose], ids=["quarter-turn", "transpose"])
def test_turning_the_image_swaps_the_polarisations(
    silicon_on_metal: Stack, make_image: ImageMaker, numerics: Numerics, turn: Symmetry
) -> None:
    image = make_image(10)
    before = solve(silicon_on_metal, image[None], numerics)
    after = solve(silicon_on_metal, turn(image)[None], numerics)
    assert_same(
        before,
        Solution(after.reflection[:, ::-1], after.transmission[:, ::-1], after.layer_absorption[:, ::-1]),
    )
    assert np.abs(before.reflection - after.reflection).max() > 1e-4


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
