"""A patterned layer that acts on fields, not as a matrix: what stands above u, if u stands below.

With C = cos(d sqrt(P Q)) and S = sin(d sqrt(P Q)) / sqrt(P Q), tildes for Q P in place of P Q, and e = u, h = v at the
bottom of a layer of thickness d, the fields at its top are

    e = C u - i P S~ v,    h = C~ v - i Q S u.

C and S are Chebyshev sums in the operators, so that only products of P and Q with a few columns are needed. The
permittivity may be complex: E = eps_b + (eps_a - eps_b) X, and since both parts are polynomials in the real X, its
inverse is E* (E* E)^-1 with a real symmetric positive definite E* E.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from photonics.rcwa.chebyshev import Evaluation, Series
from photonics.rcwa.numerics import SolverError
from photonics.rcwa.preconditioned.real_basis import RealBasis

# The first term left out may be this many times larger than planned before the eigenvalues count as misjudged.
MISJUDGED = 10.0
HIGHEST_DEGREE = 250
# Terms are added one by one, each a product with a few columns.
ON_FIELDS = Evaluation(degrees=tuple(range(1, HIGHEST_DEGREE + 1)), cost=float)


class Fields(NamedTuple):
    """Tangential fields e and h at one interface in the real basis, complex (2 N, c) each."""

    e: np.ndarray
    h: np.ndarray


class PatternOperator:
    """P and Q of one image, ready for fields in complex64 and complex128.

    ``convolution`` is the real matrix X of the image, (N, N); ``white`` and ``black`` are permittivities.
    """

    def __init__(self, basis: RealBasis, convolution: np.ndarray, white: complex, black: complex) -> None:
        self.basis, self.black, self.contrast = basis, black, white - black
        inverse = _inverse_permittivity(convolution, black, self.contrast)
        P = -basis.exchange(inverse) * basis.parallel
        P *= basis.parallel[:, None]
        P.flat[:: len(P) + 1] += 1
        self.X32, self.P32 = convolution.astype(np.float32), P.astype(np.complex64)
        self._X = {np.complex128: convolution, np.complex64: self.X32}
        self._P = {np.complex128: P, np.complex64: self.P32}

    def carry_up(self, below: Fields, series: Series, dtype: type = np.complex128) -> Fields:
        """Fields at the layer's top from those at its bottom, computed in ``dtype``.

        Two Chebyshev recurrences run half a step apart, a_k = T_k(P Q) u and b_k = T_k(Q P) v, so that each of P and Q
        acts once a step, on both. Raises SolverError if the series does not converge: eigenvalues then lie outside of
        what was planned for.
        """
        real = np.float32 if dtype is np.complex64 else np.float64
        N, columns, steps = self.basis.size, below.e.shape[1], series.degree + 1
        u, v = slice(0, columns), slice(columns, 2 * columns)
        # terms[k] holds a_k | b_k, steps of the other kind, turned[k], hold Q a_k | P b_k.
        terms = np.empty((steps, 2 * N, 2 * columns), dtype)
        turned = np.empty_like(terms)
        terms[0, :, u], terms[0, :, v] = below
        turned[0, :, v] = self._times_P(terms[0, :, v], dtype)
        scale, shift = real(2 / series.ellipse.half_width), real(2 * series.ellipse.centre / series.ellipse.half_width)
        work = _Workspace(N, 2 * columns, dtype, self.basis, real)
        for k in range(steps):
            work.fields[:, u], work.fields[:, v] = terms[k, :, u], turned[k, :, v]
            self._times_Q(work)
            turned[k, :, u] = work.fields[:, u]
            if k == series.degree:
                break
            b = terms[k + 1, :, v]
            np.multiply(work.fields[:, v], scale, out=b)
            _recur(terms, k, v, shift, b)
            work.fields[:, v] = b
            turned_p = self._times_P(work.fields, dtype)
            a = terms[k + 1, :, u]
            np.multiply(turned_p[:, u], scale, out=a)
            _recur(terms, k, u, shift, a)
            turned[k + 1, :, v] = turned_p[:, v]
        _check_convergence(terms, series)
        cosine = _weighted_sum(series.cosine, terms)
        sine = _weighted_sum(series.sine, turned)
        return Fields(cosine[:, u] - 1j * sine[:, v], cosine[:, v] - 1j * sine[:, u])

    def _times_P(self, fields: np.ndarray, dtype: type) -> np.ndarray:
        N = self.basis.size
        product = np.empty_like(fields)
        np.matmul(self._P[dtype], fields[:N], out=product[:N])
        product[N:] = fields[N:]
        return product

    def _times_Q(self, work: _Workspace) -> None:
        """Replace ``work.fields`` by Q times them: turn to x and y, multiply by E, turn back."""
        p, s = np.split(work.fields, 2)
        x, y = work.cartesian
        np.multiply(work.px, p, out=x)
        x -= np.multiply(work.py, s, out=work.spare)
        np.multiply(work.py, p, out=y)
        y += np.multiply(work.px, s, out=work.spare)
        dtype = work.fields.dtype.type
        both: np.ndarray = work.both.view(work.real)
        np.matmul(self._X[dtype], both, out=work.displaced.view(work.real))
        work.displaced *= dtype(self.contrast)
        work.both *= dtype(self.black)
        work.displaced += work.both
        x, y = work.displacements
        s *= work.minus_kp2
        s += np.multiply(work.px, y, out=work.spare)
        s -= np.multiply(work.py, x, out=work.spare)
        np.multiply(work.px, x, out=p)
        p += np.multiply(work.py, y, out=work.spare)


class DensePatternOperator:
    """The same layer in complex64 with P Q as one matrix: fewer calls, and so quicker, while it fits into the cache."""

    def __init__(self, operator: PatternOperator, series: Series) -> None:
        N = operator.basis.size
        E = np.complex64(operator.contrast) * operator.X32
        E.flat[:: N + 1] += np.complex64(operator.black)
        Q = operator.basis.curl_matrix(E)
        self._P, self._Q, self._series = operator.P32, Q, series
        # Twice the operator that the polynomials see; its transpose is that of Q P, for P and Q are symmetric.
        self._step = np.concatenate([self._P @ Q[:N], Q[N:]])
        self._step.flat[:: 2 * N + 1] -= np.float32(series.ellipse.centre)
        self._step *= np.float32(2 / series.ellipse.half_width)

    def carry_up(self, below: Fields) -> Fields:
        """Fields at the layer's top from those at its bottom, complex64."""
        series, step = self._series, self._step
        # terms[k] holds a_k and b_k, as in ``PatternOperator.carry_up``.
        terms = np.empty((series.degree + 1, 2, *below.e.shape), np.complex64)
        terms[0] = below
        for k in range(series.degree):
            np.matmul(step, terms[k, 0], out=terms[k + 1, 0])
            np.matmul(step.T, terms[k, 1], out=terms[k + 1, 1])
            if k == 0:
                terms[1] *= np.float32(0.5)
            else:
                terms[k + 1] -= terms[k - 1]
        _check_convergence(terms, series)
        cosine, sine = _weighted_sum(series.cosine, terms), _weighted_sum(series.sine, terms)
        N = len(self._P)
        sine[1, :N] = self._P @ sine[1, :N]
        return Fields(cosine[0] - 1j * sine[1], cosine[1] - 1j * (self._Q @ sine[0]))


class _Workspace:
    """Arrays that every step of a recurrence reuses: thin arrays cost more to make than to fill."""

    both: np.ndarray
    displaced: np.ndarray
    px: np.ndarray
    py: np.ndarray
    minus_kp2: np.ndarray

    def __init__(self, N: int, columns: int, dtype: type, basis: RealBasis, real: type) -> None:
        self.real = real
        self.fields: np.ndarray = np.empty((2 * N, columns), dtype)
        self.both, self.displaced = np.empty((2, N, 2 * columns), dtype)
        self.cartesian: tuple[np.ndarray, np.ndarray] = self.both[:, :columns], self.both[:, columns:]
        self.displacements: tuple[np.ndarray, np.ndarray] = self.displaced[:, :columns], self.displaced[:, columns:]
        self.spare: np.ndarray = np.empty((N, columns), dtype)
        self.px, self.py, self.minus_kp2 = (
            values.astype(real)[:, None] for values in (basis.px, basis.py, -(basis.parallel**2))
        )


def _recur(terms: np.ndarray, k: int, part: slice, shift: np.floating, following: np.ndarray) -> None:
    """Finish T_(k+1) = 2 B T_k - T_(k-1) in ``following``, which holds the scaled operator's share; T_1 = B T_0."""
    following -= shift * terms[k, :, part]
    if k == 0:
        following *= following.real.dtype.type(0.5)
    else:
        following -= terms[k - 1, :, part]


def _weighted_sum(weights: np.ndarray, terms: np.ndarray) -> np.ndarray:
    real = terms.real.dtype
    flat = terms.view(real).reshape(len(terms), -1)
    return (weights.astype(real) @ flat).view(terms.dtype).reshape(terms.shape[1:])


def _check_convergence(terms: np.ndarray, series: Series) -> None:
    first, last = np.linalg.norm(terms[[0, -1]].reshape(2, -1), axis=1)
    # Written so that a NaN is refused too.
    if not last * series.neglected <= MISJUDGED * series.tail * first:
        raise SolverError(
            "the Chebyshev series of the patterned layer does not converge: its eigenvalues lie outside of what "
            "was expected; use solver='transfer'"
        )


def _inverse_permittivity(X: np.ndarray, black: complex, contrast: complex) -> np.ndarray:
    """Inverse of black + contrast X, complex (N, N)."""
    squared = abs(contrast) ** 2 * (X @ X)
    squared += (2 * (black.conjugate() * contrast).real) * X
    squared.flat[:: len(X) + 1] += abs(black) ** 2
    factor, failed = lapack.dpotrf(squared, lower=1, overwrite_a=1)
    inverse, singular = lapack.dpotri(factor, lower=1, overwrite_c=1) if failed == 0 else (factor, failed)
    if failed or singular:
        raise SolverError("the matrix of the permittivity is singular; use solver='eigen' or other materials")
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    return black.conjugate() * inverse + contrast.conjugate() * (X @ inverse)
