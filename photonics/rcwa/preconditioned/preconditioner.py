"""A real, single-precision stand-in for a patterned layer between its surroundings, solved directly.

With h = Yb e below the layer and h + Ya e = f above it, the field u at the layer's bottom obeys W u = f,

    W = C^T Yb + Ya C - i (Q S + Ya S P Yb),

in the notation of ``exact_operator``: for a real permittivity P and Q are real symmetric in the real basis, so that
C~ = C^T and P S~ = S P. Here the permittivity loses its imaginary part and C, S come from a short polynomial, all in
float32. One complex64 LU factorisation of W remains. GMRES makes up for what is lost.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from photonics.rcwa.chebyshev import Evaluation, Series, divide
from photonics.rcwa.numerics import SolverError
from photonics.rcwa.preconditioned.exact_operator import PatternOperator

# Error of the polynomials, relative to the value of either function at x = 0. Larger errors cost more iterations than
# they save products.
TAIL = 0.1
MOST_DOUBLINGS = 8
HIGHEST_DEGREE = 20
ROWS = 48


def _is_divided(degree: int) -> bool:
    return degree % 2 == 0 and degree // 2 + 1 <= degree - 1


def _products(degree: int) -> float:
    return degree // 2 + 1 if _is_divided(degree) else degree - 1


# A doubling, cos 2x = 2 cos^2 x - 1 and sin 2x = 2 sin x cos x, takes two products and multiplies errors by four.
BY_DOUBLE_ANGLE = Evaluation(
    degrees=(2, 3, 4, 5, *range(6, HIGHEST_DEGREE + 1, 2)),
    cost=_products,
    doubling_cost=2.0,
    doubling_error=4.0,
    most_doublings=MOST_DOUBLINGS,
    relative_sine=True,
)


class Preconditioner:
    """W of one pattern, factorised; ``above`` and ``below`` are admittances in the real basis, complex (2 N,)."""

    def __init__(self, operator: PatternOperator, series: Series, above: np.ndarray, below: np.ndarray) -> None:
        N = operator.basis.size
        E = np.float32(operator.contrast.real) * operator.X32
        E.flat[:: N + 1] += np.float32(operator.black.real)
        # The real part of the inverse, not the inverse of the real part: it is there already, and as near.
        P, Q = np.ascontiguousarray(operator.P32.real), operator.basis.curl_matrix(E)
        C, S = _cosine_and_sine(np.concatenate([P @ Q[:N], Q[N:]]), series)
        QS, SP = Q @ S, S.copy()
        np.matmul(S[:, :N], P, out=SP[:, :N])
        W = _assemble(C, QS, SP, above.astype(np.complex64)[:, None], below.astype(np.complex64))
        # LAPACK wants columns: the transpose of a C-ordered W is what it reads without a copy.
        self._factors, self._pivots, singular = lapack.cgetrf(W.T, overwrite_a=1)
        if singular:
            raise SolverError("the preconditioner is singular, as at a resonance; use solver='transfer'")

    def solve(self, right: np.ndarray) -> np.ndarray:
        """W^-1 times complex64 (2 N, c)."""
        solution, _ = lapack.cgetrs(self._factors, self._pivots, right, trans=1)
        return solution


def _assemble(C: np.ndarray, QS: np.ndarray, SP: np.ndarray, Ya: np.ndarray, Yb: np.ndarray) -> np.ndarray:
    """W, complex64 (n, n), a few rows at a time so that they stay in the cache."""
    W = np.empty(C.shape, np.complex64)
    turned = -1j * Yb
    for first in range(0, len(W), ROWS):
        rows = slice(first, first + ROWS)
        part = W[rows]
        np.multiply(SP[rows], turned, out=part)
        part += C[rows]
        part *= Ya[rows]
        part += C[:, rows].T * Yb
        part.imag -= QS[rows]
    return W


def _cosine_and_sine(A: np.ndarray, series: Series) -> tuple[np.ndarray, np.ndarray]:
    """C and S of A, float32: from all powers, or from those up to half the degree and one division each."""
    n, degree = len(A), series.degree
    B = A * np.float32(1 / series.ellipse.half_width)
    B.flat[:: n + 1] -= np.float32(series.ellipse.centre / series.ellipse.half_width)
    divided = _is_divided(degree)
    T = [B]
    for k in range(2, (degree // 2 if divided else degree) + 1):
        following = B @ T[-1]
        following *= np.float32(2)
        if k == 2:
            following.flat[:: n + 1] -= np.float32(1)
        else:
            following -= T[-2]
        T.append(following)
    C, S = (_sum(T, c) if not divided else _divided_sum(T, c) for c in (series.cosine, series.sine))
    for _ in range(series.doublings):
        S = S @ C
        S *= np.float32(2)
        C = C @ C
        C *= np.float32(2)
        C.flat[:: n + 1] -= np.float32(1)
    return C, S


def _divided_sum(T: list[np.ndarray], c: np.ndarray) -> np.ndarray:
    """Sum of c_k T_k for degree 2 s from T_1 to T_s."""
    remainder, quotient = divide(c)
    total = _sum(T, remainder)
    total += T[-1] @ _sum(T, quotient)
    return total


def _sum(T: list[np.ndarray], c: np.ndarray) -> np.ndarray:
    """c_0 I + c_1 T_1 + ..."""
    total = T[0] * np.float32(c[1])
    for term, weight in zip(T[1:], c[2:], strict=True):
        total += term * np.float32(weight)
    total.flat[:: len(total) + 1] += np.float32(c[0])
    return total
