"""Fields carried through a layer, and the system that it makes with its surroundings, against matrices of modes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from photonics.rcwa import Numerics, SolverError
from photonics.rcwa.chebyshev import BernsteinEllipse, plan_series
from photonics.rcwa.lattice import make_lattice
from photonics.rcwa.preconditioned.exact_operator import PatternOperator
from photonics.rcwa.preconditioned.field_series import DOUBLE, SINGLE, FieldSeries
from photonics.rcwa.preconditioned.matrix_series import BY_DOUBLE_ANGLE
from photonics.rcwa.preconditioned.preconditioner import StandIn
from photonics.rcwa.preconditioned.propagation import Fields, Propagation
from photonics.rcwa.preconditioned.real_basis import RealBasis, diagonal
from photonics.stack import Incidence, Stack

ImageMaker = Callable[..., np.ndarray]
ELLIPSE, THICKNESS = BernsteinEllipse(-8.0, 20.0, 3.0), 0.7
WHITE = {"lossy": (4.0 + 0.3j) ** 2, "lossless": 16.0 + 0j}


@pytest.fixture(params=sorted(WHITE))
def operator(request: pytest.FixtureRequest, silicon_on_metal: Stack, make_image: ImageMaker) -> PatternOperator:
    """Three images at 13 orders."""
    basis = RealBasis(make_lattice(silicon_on_metal, Numerics(2), Incidence()))
    images = np.stack([make_image(seed) for seed in range(3)])
    return PatternOperator(basis, basis.convolution_matrices(images, "exact"), WHITE[request.param], 1.5 + 0j)


def layer_matrices(operator: PatternOperator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """P, Q, C and S of every image by eigenvectors, (B, 2 N, 2 N) each."""
    basis, N = operator.basis, operator.basis.size
    P_pp, E = operator.matrices(slice(None), SINGLE)
    P, Q = np.zeros((2, len(operator), 2 * N, 2 * N), complex)
    diagonal(P)[...] = 1
    P[:, :N, :N] = P_pp
    single = np.empty(Q.shape, np.complex64)
    basis.curl_matrix(E, out=single)
    Q[...] = single
    values, W = np.linalg.eig(P @ Q)
    phase = THICKNESS * np.sqrt(values)
    C = W * np.cos(phase)[:, None] @ np.linalg.inv(W)
    S = W * (THICKNESS * np.sinc(phase / np.pi))[:, None] @ np.linalg.inv(W)
    return P, Q, C, S


def random_fields(operator: PatternOperator) -> np.ndarray:
    parts = np.random.default_rng(1).normal(size=(len(operator), 2 * operator.basis.size, 2, 2))
    return parts[..., 0] + 1j * parts[..., 1]


@pytest.mark.parametrize(("dtype", "tolerance"), [(SINGLE, 3e-4), (DOUBLE, 2e-5)])
def test_fields_at_the_top_are_those_of_the_modes(operator: PatternOperator, dtype: np.dtype, tolerance: float) -> None:
    P, Q, C, S = layer_matrices(operator)
    u = random_fields(operator)
    v = u[::-1].copy()
    propagation = Propagation(operator, FieldSeries(ELLIPSE, THICKNESS, 1e-6, dtype), 2)
    for _ in range(2):  # its memory is used again
        top = propagation.carry_up(Fields(u, v))
    np.testing.assert_allclose(top.e, C @ u - 1j * (S @ (P @ v)), atol=tolerance * np.abs(top.e).max())
    np.testing.assert_allclose(top.h, C.mT @ v - 1j * (Q @ (S @ u)), atol=tolerance * np.abs(top.h).max())


def test_eigenvalues_beyond_the_ellipse_are_noticed(operator: PatternOperator) -> None:
    narrow = FieldSeries(BernsteinEllipse(-0.5, 0.5), THICKNESS, 1e-9, DOUBLE)
    with pytest.raises(SolverError, match=r"^the Chebyshev series of the patterned layer does not converge: its eigen"):
        Propagation(operator, narrow, 2).carry_up(Fields(random_fields(operator), random_fields(operator)))


def test_an_exact_stand_in_solves_the_system(operator: PatternOperator) -> None:
    P, Q, C, S = layer_matrices(operator)
    rng = np.random.default_rng(2)
    above, below = (rng.normal(size=(2, 2 * operator.basis.size, 2)) @ [1, 1j]).astype(np.complex64)
    W = C.mT * below + above[:, None] * C - 1j * (Q @ S + above[:, None] * (S @ P) * below)
    right = random_fields(operator).astype(np.complex64)
    series = plan_series(ELLIPSE, THICKNESS, 1e-6, BY_DOUBLE_ANGLE)
    dtype = SINGLE if operator.is_lossy else np.dtype(np.float32)
    u = StandIn(series, dtype, above[:, None], below).factorise(operator).solve(right)
    np.testing.assert_allclose(W @ u, right, atol=2e-3 * np.abs(right).max())


def test_a_stand_in_without_losses_is_near(operator: PatternOperator) -> None:
    above = below = np.ones(2 * operator.basis.size, np.complex64)
    series = plan_series(ELLIPSE, THICKNESS, 1e-6, BY_DOUBLE_ANGLE)
    right = random_fields(operator).astype(np.complex64)
    near, exact = (
        StandIn(series, np.dtype(dtype), above[:, None], below).factorise(operator).solve(right)
        for dtype in (np.float32, np.complex64)
    )
    error = np.linalg.norm(near - exact) / np.linalg.norm(exact)
    assert (1e-2 < error < 0.5) if operator.is_lossy else error < 1e-4
