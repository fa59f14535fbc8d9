"""Block GMRES on systems whose solution is known."""

from __future__ import annotations

import numpy as np
import pytest

from photonics.rcwa import SolverError
from photonics.rcwa.preconditioned.krylov import block_gmres


def random_systems(count: int, n: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (count, n, n), each further from the identity than the one before, and right-hand sides."""
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(count, n, n)) + 1j * rng.normal(size=(count, n, n))
    matrices = np.eye(n) + spread * np.linspace(0.5, 1, count)[:, None, None] * noise / np.sqrt(n)
    return matrices.astype(np.complex64), rng.normal(size=(count, n, 2)) * [1, 1e-6] + 0j


def misses(matrices: np.ndarray, solutions: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Relative residuals, (B,)."""
    size = np.linalg.norm(matrices @ solutions - right, axis=1) / np.linalg.norm(right, axis=1)
    return size.max(axis=1)


def test_solves_to_the_tolerance_for_columns_of_any_size() -> None:
    matrices, right = random_systems(3, 60, 0.3)
    tolerances = np.array([1e-5, 1e-2, 1e-5])
    (solutions,), residuals, iterations = block_gmres(lambda v: (matrices @ v, v), right, tolerances, 40)
    assert (residuals <= tolerances).all()
    assert (misses(matrices, solutions, right) <= 2 * tolerances).all()
    assert 2 <= iterations[1] < iterations[0] <= iterations[2] < 20


def test_a_system_is_solved_as_it_is_alone() -> None:
    matrices, right = random_systems(4, 30, 0.5)
    tolerances = np.array([1e-2, 1e-5, 1e-1, 1e-4])
    (together,), residuals, iterations = block_gmres(lambda v: (matrices @ v, v), right, tolerances, 40)
    assert len(set(iterations)) > 2
    for i in range(4):
        one = slice(i, i + 1)
        (alone,), residual, used = block_gmres(lambda v, i=one: (matrices[i] @ v, v), right[one], tolerances[one], 40)
        np.testing.assert_array_equal(together[i], alone[0])
        assert (residuals[i], iterations[i]) == (residual[0], used[0])


def test_stops_at_the_most_iterations_and_says_how_far_it_came() -> None:
    matrices, right = random_systems(1, 60, 0.9)
    (solutions,), residuals, iterations = block_gmres(lambda v: (matrices @ v, v), right, np.array([1e-12]), 3)
    assert iterations == [3]
    assert residuals == pytest.approx(misses(matrices, solutions, right), rel=1e-3)


def test_columns_that_are_alike_are_no_obstacle() -> None:
    matrices, right = random_systems(1, 20, 0.3)
    right[..., 1] = right[..., 0]
    (solutions,), _, _ = block_gmres(lambda v: (matrices @ v, v), right, np.array([1e-4]), 19)
    assert misses(matrices, solutions, right) < 2e-4


def test_values_that_are_not_finite_are_refused() -> None:
    _, right = random_systems(2, 10, 0.1)
    with pytest.raises(SolverError, match=r"^the iterations met a value that is not finite; use solver='transfer'$"):
        block_gmres(lambda v: (v * np.nan, v), right, np.array([1e-3, 1e-3]), 5)
