"""The public entry: what it refuses, and whose failure a failure is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from photonics.rcwa import Numerics, SolverError, solve, solve_spectrum
from photonics.stack import PatternLayer, Stack

ImageMaker = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.zeros((1, 8, 8)),
            "images must be of dtype uint8, got float64; binarise, then use .astype(np.uint8)",
        ),
        (
            np.full((1, 8, 8), np.nan, dtype=np.float32),
            "images must be of dtype uint8, got float32; binarise, then use .astype(np.uint8)",
        ),
        (
            np.zeros((1, 8, 6), dtype=np.uint8),
            "images must be square, (B, H, H) or (B, P, H, H), got shape (1, 8, 6); use image[None] for one",
        ),
        (
            np.zeros((8, 8), dtype=np.uint8),
            "images must be square, (B, H, H) or (B, P, H, H), got shape (8, 8); use image[None] for one",
        ),
        (
            np.full((1, 8, 8), 255, dtype=np.uint8),
            "images must hold 0 and 1 only, got a value of 255; use (image > threshold)",
        ),
        (
            np.zeros((1, 2, 8, 8), dtype=np.uint8),
            "images must hold one image for each of the 1 patterned layers, got shape (1, 2, 8, 8); pass "
            "(B, H, W) to use one image in all of them",
        ),
    ],
)
@pytest.mark.parametrize("solver", ["eigen", "transfer"])
def test_bad_images_are_refused(silicon_on_metal: Stack, images: np.ndarray, message: str, solver: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        solve(silicon_on_metal, images, Numerics(1, solver=solver))  # type: ignore[arg-type]


def test_too_many_orders_for_the_samples_are_refused(silicon_on_metal: Stack, make_image: ImageMaker) -> None:
    image = make_image(1, px=12)[None]
    message = (
        "orders must be at most 2 for images of 12 pixels with pixels='dft', got 3; "
        "use fewer orders, finer images or pixels='exact'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        solve(silicon_on_metal, image, Numerics(3, pixels="dft"))
    assert np.isfinite(solve(silicon_on_metal, image, Numerics(3, pixels="exact")).absorption).all()


@pytest.mark.parametrize(("solver", "tolerance"), [("eigen", 0), ("preconditioned", 0), ("transfer", 1e-13)])
def test_a_batch_is_its_images_one_by_one(
    silicon_on_metal: Stack, make_image: ImageMaker, solver: str, tolerance: float
) -> None:
    images, numerics = np.stack([make_image(s) for s in range(3)]), Numerics(2, solver=solver)  # type: ignore[arg-type]
    batch = solve(silicon_on_metal, images, numerics)
    assert batch.layer_absorption.shape == (3, 2, 2)
    for position, image in enumerate(images):
        alone = solve(silicon_on_metal, image[None], numerics)
        np.testing.assert_allclose(batch.reflection[position], alone.reflection[0], atol=tolerance, rtol=0)


def test_an_empty_batch_is_an_empty_solution(silicon_on_metal: Stack) -> None:
    solution = solve(silicon_on_metal, np.zeros((0, 8, 8), dtype=np.uint8), Numerics(1))
    assert solution.unpolarised().absorption.shape == (0,)


@pytest.fixture
def failing() -> tuple[Stack, np.ndarray]:
    """A stack and three images, the second of which has no solution."""
    # With one order and permittivities +1 and -1, half white makes a mean permittivity of zero.
    images = np.ones((3, 4, 4), dtype=np.uint8)
    images[1, :, :2] = 0
    return Stack(600, 430, 1.0, (PatternLayer("p", 100, 1.0, 1j),), 1.5), images


@pytest.mark.parametrize(
    ("solver", "reason"), [("eigen", "Singular matrix"), ("transfer", "a matrix of the transfer method")]
)
def test_failure_names_its_image(failing: tuple[Stack, np.ndarray], solver: str, reason: str) -> None:
    stack, images = failing
    with pytest.raises(SolverError, match=f"^image 1 of 3: {reason}"):
        solve(stack, images, Numerics(0, solver=solver))  # type: ignore[arg-type]


@pytest.mark.parametrize("solver", ["eigen", "transfer"])
def test_a_failure_that_is_kept_is_that_of_one_image(failing: tuple[Stack, np.ndarray], solver: str) -> None:
    stack, images = failing
    numerics = Numerics(0, solver=solver)  # type: ignore[arg-type]
    first, second = solve_spectrum([stack, replace(stack, wavelength_nm=610)], images, numerics, keep_failures=True)
    for solution in (first, second):
        assert list(solution.failures) == [1]
        assert "ingular" in solution.failures[1]
        for numbers in (solution.absorption, solution.layer_absorption, solution.reflected_orders):
            assert np.isnan(numbers[1]).all()
            assert np.isfinite(numbers[[0, 2]]).all()
        assert np.isnan(solution.error_estimate[1])
    alone = solve(stack, images[:1], numerics)
    np.testing.assert_array_equal(first.reflection[0], alone.reflection[0])
    assert alone.failures == {}
