"""Sums of matrices against the functions of their eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from photonics.rcwa.chebyshev import BernsteinEllipse, plan_series
from photonics.rcwa.transfer.polynomials import BY_TANGENT, cosine_and_sine


def matrix_in(ellipse: BernsteinEllipse, seed: int) -> tuple[np.ndarray, np.ndarray, torch.Tensor]:
    """Eigenvalues inside the ellipse, their well-conditioned vectors, and the matrix that has them, (1, 20, 20)."""
    rng = np.random.default_rng(seed)
    angle, size = rng.uniform(0, 2 * np.pi, 20), rng.uniform(0, 1, 20)
    across = ellipse.height
    along = np.hypot(ellipse.half_width, across)
    values = ellipse.centre + size * (along * np.cos(angle) + 1j * across * np.sin(angle))
    vectors = np.eye(20) + 0.1 * rng.normal(size=(20, 20))
    return values, vectors, torch.from_numpy(vectors @ np.diag(values) @ np.linalg.inv(vectors))[None]


@pytest.mark.parametrize(
    "ellipse",
    [
        BernsteinEllipse(-20, 18, 3),
        BernsteinEllipse(-2, 24, 20),
        BernsteinEllipse(-300, 300, 300),
        BernsteinEllipse(-1, 1),
    ],
)
@pytest.mark.parametrize("thickness", [0.0, 0.01, 1.0, 30.0])
def test_sums_equal_functions_of_the_eigenvalues(ellipse: BernsteinEllipse, thickness: float) -> None:
    values, vectors, A = matrix_in(ellipse, 3)
    series = plan_series(ellipse, thickness, 1e-11, BY_TANGENT)
    h, root = series.thickness, np.sqrt(values)
    C, S = cosine_and_sine(A, series)
    for matrix, function in ((C, np.cos(root * h)), (S, h * np.sinc(root * h / np.pi))):
        expected = vectors @ np.diag(function) @ np.linalg.inv(vectors)
        np.testing.assert_allclose(matrix[0].numpy(), expected, atol=1e-10)


def test_stretch_shrinks_the_layer() -> None:
    ellipse = BernsteinEllipse(-20, 18, 3)
    _, _, A = matrix_in(ellipse, 4)
    shrunk = cosine_and_sine(A, plan_series(ellipse, 0.4, 1e-11, BY_TANGENT), 0.4)
    thin = cosine_and_sine(A, plan_series(ellipse, 0.16, 1e-11, BY_TANGENT))
    torch.testing.assert_close(shrunk, thin, atol=1e-10, rtol=0)
