"""Estimated errors hold over the whole of parameter space: long periods, half-wave thicknesses, grazing modes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from photonics.rcwa import Numerics, SolverError, solve
from photonics.rcwa.numerics import Solver
from photonics.solution import Solution
from photonics.stack import Incidence, Layer, PatternLayer, Stack, UniformLayer

WAVELENGTH = 600.0
INDICES = (1.0, 1.5, 2.0, 3.5, 1.5 + 0.01j, 2 + 0.1j, 4 + 1j, 0.05 + 4j)


def random_problem(rng: np.random.Generator) -> tuple[Stack, np.ndarray, Numerics, Incidence]:
    """Periods of half a wavelength to two thousand; most layers near a multiple of half a wave thick."""
    layers: list[Layer] = []
    for number in range(rng.integers(1, 4)):
        white, black = (complex(rng.choice(INDICES)) for _ in range(2))
        thickness = rng.uniform(1, 800)
        if rng.random() < 0.7:
            near = 1 + rng.choice([-1, 0, 1]) * 10 ** rng.uniform(-14, -1)
            thickness = WAVELENGTH / 2 / white.real * rng.integers(1, 9) * near
        if number == 0 or rng.random() < 0.6:
            layers.append(PatternLayer(f"pattern {number}", thickness, white, black))
        else:
            layers.append(UniformLayer(f"film {number}", thickness, white))
    # Irrational steps between orders keep every order away from grazing.
    step = 10 ** rng.uniform(-3.3, 0.3)
    stack = Stack(
        WAVELENGTH, WAVELENGTH / step, float(rng.choice([1, 1.5])), tuple(layers), complex(rng.choice(INDICES))
    )
    image = (rng.random((1, 16, 16)) < rng.choice([1, 0.98, 0.5])).astype(np.uint8)
    numerics = Numerics(int(rng.integers(0, 3)), "square", accuracy=float(rng.choice([1e-10, 1e-6, 1e-3])))
    return stack, image, numerics, Incidence(float(rng.choice([0, 0, 12.3])), 33.0)


def difference(one: Solution, other: Solution) -> float:
    """Largest difference of reflected or absorbed fractions."""
    reflected = np.abs(one.reflection - other.reflection).max()
    absorbed = np.abs(one.reflection + one.transmission - other.reflection - other.transmission).max()
    return float(max(reflected, absorbed))


@pytest.mark.parametrize(
    "block",
    [
        *(pytest.param(each, marks=pytest.mark.long) for each in range(4)),
        *(pytest.param(each, marks=pytest.mark.slow) for each in range(4, 24)),
    ],
)
def test_no_solver_misses_by_more_than_it_estimates(block: int) -> None:
    rng, compared = np.random.default_rng(block), 0
    for _ in range(100):
        stack, image, numerics, incidence = random_problem(rng)
        try:
            judge = solve(stack, image, replace(numerics, solver="eigen"), incidence)
        except SolverError:  # the judge itself has no digits there
            continue
        solvers: tuple[Solver, ...] = ("transfer", "auto")
        for solver in solvers:
            found = solve(stack, image, replace(numerics, solver=solver), incidence)
            allowed = found.error_estimate.max() + judge.error_estimate.max() + 1e-12
            assert difference(found, judge) <= allowed, (solver, stack, numerics, incidence, image.mean())
            assert found.error_estimate.max() <= numerics.accuracy
            compared += 1
    assert compared > 150


@pytest.mark.parametrize("solver", ["transfer", "preconditioned"])
def test_a_transposed_image_swaps_both_polarisations_within_the_estimate(solver: Solver) -> None:
    """Judged by symmetry alone: 12 wavelengths of period, a pattern next to three half waves thick."""
    image = (np.random.default_rng(3).random((1, 16, 16)) < 0.6).astype(np.uint8)
    stack = Stack(WAVELENGTH, 12 * WAVELENGTH, 1.0, (PatternLayer("pattern", 450.01, 2.0, 1.5),), 0.05 + 4j)
    numerics = Numerics(2, "square", solver=solver, accuracy=1e-9)
    one, other = (solve(stack, each, numerics) for each in (image, image.transpose(0, 2, 1)))
    allowed = one.error_estimate.max() + other.error_estimate.max()
    np.testing.assert_allclose(one.reflection, other.reflection[:, ::-1], rtol=0, atol=allowed)


def test_doubling_past_a_pole_of_the_tangent_is_told_and_mended() -> None:
    """Doubling six quarter waves passes one: 5 digits of 11 were lost there, and none was told."""
    stack = Stack(600, 600 / 0.0008, 1.0, (PatternLayer("pattern", 1800.0, 1.0, 1.5 + 0.01j),), 0.05 + 4j)
    image = np.ones((1, 16, 16), np.uint8)
    image[0, 3, 4] = 0
    numerics = Numerics(2, "square", accuracy=1e-10)
    found, judge = (solve(stack, image, replace(numerics, solver=solver)) for solver in ("transfer", "eigen"))
    assert difference(found, judge) <= 1e-10
    assert found.error_estimate.max() <= 1e-10


def test_the_eigen_solver_joins_a_pattern_to_the_same_medium() -> None:
    """Rounding gives a propagating mode's kz^2 an imaginary part of either sign: neither turns the mode round."""
    pattern, film = PatternLayer("pattern", 600.0, 2.0, 0.05 + 4j), UniformLayer("film", 60.0, 4 + 1j)
    white, numerics = np.ones((1, 16, 16), np.uint8), Numerics(1, "square", solver="eigen")
    patterned = solve(Stack(600, 2400.0, 1.0, (film, pattern), 2.0), white, numerics)
    plain = solve(Stack(600, 2400.0, 1.0, (film, replace(pattern, black_index=2.0)), 2.0), white, numerics)
    np.testing.assert_allclose(patterned.reflection, plain.reflection, rtol=0, atol=1e-12)


def test_the_eigen_solver_refuses_a_mode_that_grazes() -> None:
    """A uniform pattern whose order grazes in it: kz is rounding alone."""
    stack = Stack(600, 400.0, 1.0, (PatternLayer("pattern", 300.0, 1.5, 1.0),), 3.5)
    with pytest.raises(SolverError, match=r"image 0 of 1: .*use solver='transfer'"):
        solve(stack, np.ones((1, 16, 16), np.uint8), Numerics(1, "square", solver="eigen"))
