"""A stand-in for a patterned layer between its surroundings, in single precision, solved directly.

With h = Yb e below the layer and h + Ya e = f above it, the field u at the layer's bottom obeys W u = f,

    W = C~ Yb + Ya C - i (Q S + Ya S P Yb),

in the notation of ``exact_operator``. In the real basis P and Q are symmetric, so that C~ = C^T. C and S come either in
float32, from a permittivity without its imaginary part, or in complex64. One complex64 LU factorisation of W remains.
GMRES makes up for what is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from photonics.rcwa.chebyshev import Series
from photonics.rcwa.numerics import SolverError
from photonics.rcwa.preconditioned.exact_operator import PatternOperator
from photonics.rcwa.preconditioned.matrix_series import MatrixSeries

# Bytes of one matrix of every image that are worked on together: more does not stay in a core's cache.
CACHE = 2**17
# Elements of W that are put together at a time.
CACHED = 2**14


@dataclass(frozen=True, eq=False)
class StandIn:
    """What all images share: the series, its type, and the admittances (2 N, 1) above and (2 N,) below, complex64."""

    series: Series
    dtype: np.dtype
    above: np.ndarray
    below: np.ndarray

    def factorise(self, operator: PatternOperator) -> Preconditioner:
        """W of every image of ``operator``. Raises SolverError if one is singular."""
        B, n = len(operator), len(self.below)
        group = min(B, max(1, CACHE // (n**2 * self.dtype.itemsize)))
        assembly, W = _Assembly(self, group), np.empty((B, n, n), np.complex64)
        for first in range(0, B, group):
            assembly.write(operator, slice(first, first + group), W[first : first + group])
        return Preconditioner(W)


class Preconditioner:
    """W of a batch of images, complex64 (B, n, n), factorised in place."""

    def __init__(self, W: np.ndarray) -> None:
        self._factors, self._pivots = W, []
        for matrix in W:
            # LAPACK wants columns: the transpose of a C-ordered matrix is what it reads without a copy.
            _, pivots, singular = lapack.cgetrf(matrix.T, overwrite_a=1)
            if singular:
                raise SolverError("the preconditioner is singular, as at a resonance; use solver='transfer'")
            self._pivots.append(pivots)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """W^-1 times complex64 (B, n, c)."""
        solution = np.empty_like(right)
        for factors, pivots, source, found in zip(self._factors, self._pivots, right, solution, strict=True):
            found[...], _ = lapack.cgetrs(factors.T, pivots, source, trans=1)
        return solution


class _Assembly:
    """Puts W together, for one group of images after the other in the same memory."""

    def __init__(self, stand_in: StandIn, group: int) -> None:
        n = len(stand_in.below)
        both = -1j * stand_in.above * stand_in.below
        self._factors = stand_in.above, stand_in.below, both
        self._series = MatrixSeries(stand_in.series, stand_in.dtype, group, n)
        self._buffers = np.empty((3, group, n, n), stand_in.dtype)

    def write(self, operator: PatternOperator, images: slice, W: np.ndarray) -> None:
        """W, complex64 (B, 2 N, 2 N), of some images of ``operator``."""
        A, Q, spare = self._buffers[:, : len(W)]
        N = operator.basis.size
        P, E = operator.matrices(images, Q.dtype)
        operator.basis.curl_matrix(E, out=Q)
        np.matmul(P, Q[:, :N], out=A[:, :N])
        A[:, N:] = Q[:, N:]
        C, S = self._series.cosine_and_sine(A)
        QS, SP = np.matmul(Q, S, out=A), S
        SP[..., :N] = np.matmul(S[..., :N], P, out=spare.reshape(-1)[: S.size // 2].reshape(len(S), 2 * N, N))
        self._add_up(C, QS, SP, W, Q, spare)

    def _add_up(
        self, C: np.ndarray, QS: np.ndarray, SP: np.ndarray, W: np.ndarray, total: np.ndarray, spare: np.ndarray
    ) -> None:
        """W = Ya C + C^T Yb - i (Q S + Ya S P Yb), some rows at a time: all of them do not stay in the cache."""
        (above, below, both), n = self._factors, C.shape[-1]
        step = max(1, CACHED // (len(C) * n))
        for first in range(0, n, step):
            rows = slice(first, first + step)
            terms = C.mT[:, rows], C[:, rows], SP[:, rows]
            out = W[:, rows], QS[:, rows], total[:, rows], spare[:, rows]
            self._add_rows(terms, (below, above[rows], both[rows]), *out)

    @staticmethod
    def _add_rows(
        terms: tuple[np.ndarray, ...],
        factors: tuple[np.ndarray, ...],
        W: np.ndarray,
        QS: np.ndarray,
        total: np.ndarray,
        spare: np.ndarray,
    ) -> None:
        if total.dtype.kind == "c":
            _weigh(terms, factors, W, spare)
            W -= np.multiply(QS, QS.dtype.type(1j), out=spare)
        else:
            W.real = _weigh(terms, [each.real for each in factors], total, spare)
            np.subtract(_weigh(terms, [each.imag for each in factors], total, spare), QS, out=W.imag)


def _weigh(
    terms: Sequence[np.ndarray], factors: Sequence[np.ndarray], out: np.ndarray, spare: np.ndarray
) -> np.ndarray:
    """Sum of the terms, each times its factor."""
    np.multiply(terms[0], factors[0], out=out)
    for term, factor in zip(terms[1:], factors[1:], strict=True):
        out += np.multiply(term, factor, out=spare)
    return out
