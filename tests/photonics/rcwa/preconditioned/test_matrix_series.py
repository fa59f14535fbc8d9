"""Sums of matrices against the functions of their eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest

from photonics.rcwa.chebyshev import BernsteinEllipse, Series, plan_series
from photonics.rcwa.preconditioned.matrix_series import BY_DOUBLE_ANGLE, MatrixSeries

SINGLE_REAL, SINGLE = np.dtype(np.float32), np.dtype(np.complex64)


def matrices_in(ellipse: BernsteinEllipse, count: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues inside the ellipse, (count, 12), and orthogonal vectors for them, (count, 12, 12)."""
    rng = np.random.default_rng(5)
    values = rng.uniform(ellipse.low, ellipse.high, (count, 12))
    if dtype.kind == "c":
        values = values + 1j * ellipse.height * rng.uniform(0, 0.5, (count, 12))
    return values, np.linalg.qr(rng.normal(size=(count, 12, 12)))[0]


def planned(ellipse: BernsteinEllipse, thickness: float, tail: float) -> Series:
    return plan_series(ellipse, thickness, tail, BY_DOUBLE_ANGLE)


@pytest.mark.parametrize("dtype", [SINGLE_REAL, SINGLE])
@pytest.mark.parametrize(("thickness", "tail"), [(0.01, 1e-4), (0.5, 1e-1), (0.5, 1e-4), (3.0, 1e-4)])
def test_sums_equal_functions_of_the_eigenvalues(dtype: np.dtype, thickness: float, tail: float) -> None:
    ellipse = BernsteinEllipse(-4.0, 16.0, 2.0)
    values, bases = matrices_in(ellipse, 3, dtype)
    series = planned(ellipse, thickness, tail)
    functions = MatrixSeries(series, dtype, 3, 12)
    A = (bases * values[:, None] @ bases.mT).astype(dtype)
    # Memory is used again, also by fewer matrices than there is room for.
    for count in (3, 2):
        C, S = functions.cosine_and_sine(A[:count])
        phase = thickness * np.sqrt(values[:count] + 0j)
        for found, expected in ((C, np.cos(phase)), (S, thickness * np.sinc(phase / np.pi))):
            matrix = bases[:count] * expected[:, None] @ bases[:count].mT
            np.testing.assert_allclose(found, matrix, atol=tail * max(1, thickness) + 3e-5, rtol=0)


def test_thick_layers_are_doubled() -> None:
    assert planned(BernsteinEllipse(-4.0, 16.0), 8.0, 1e-4).doublings > 0
    assert planned(BernsteinEllipse(-4.0, 16.0), 0.1, 1e-4).doublings == 0
