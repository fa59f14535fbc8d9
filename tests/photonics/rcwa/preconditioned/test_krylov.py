"""Block GMRES on systems whose solution is known."""

from __future__ import annotations

import numpy as np
import pytest

from photonics.rcwa import SolverError
from photonics.rcwa.preconditioned.krylov import block_gmres


def random_system(n: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    matrix = np.eye(n) + spread * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))) / np.sqrt(n)
    return matrix.astype(np.complex64), rng.normal(size=(n, 2)) * [1, 1e-6] + 0j


def test_solves_to_the_tolerance_for_columns_of_any_size() -> None:
    matrix, right = random_system(60, 0.3)
    (solution,), residual, iterations = block_gmres(lambda v: (matrix @ v, v), right, 1e-5, 40)
    misses = np.linalg.norm(matrix @ solution - right, axis=0) / np.linalg.norm(right, axis=0)
    assert residual <= 1e-5
    assert misses.max() <= 2e-5
    assert 2 < iterations < 20


def test_stops_at_the_most_iterations_and_says_how_far_it_came() -> None:
    matrix, right = random_system(60, 0.9)
    (solution,), residual, iterations = block_gmres(lambda v: (matrix @ v, v), right, 1e-12, 3)
    misses = np.linalg.norm(matrix @ solution - right, axis=0) / np.linalg.norm(right, axis=0)
    assert iterations == 3
    assert residual == pytest.approx(misses.max(), rel=1e-3)


def test_values_that_are_not_finite_are_refused() -> None:
    _, right = random_system(10, 0.1)
    with pytest.raises(SolverError, match=r"^the iterations met a value that is not finite; use solver='transfer'$"):
        block_gmres(lambda v: (v * np.nan, v), right, 1e-3, 5)
