"""Fields carried through a patterned layer without its matrices C and S: products with a few columns only.

With e = u, h = v at the bottom of the layer, in the notation of ``exact_operator``, the fields at its top are

    e = C u - i P S~ v = C u - i S P v,    h = C~ v - i Q S u = C(0) v + Q (G P v - i S u),    x G(x) = C(x) - C(0),

so that one recurrence in P Q, on u and -i P v side by side, does for all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from photonics.rcwa.numerics import SolverError
from photonics.rcwa.preconditioned.exact_operator import PatternOperator, scalar
from photonics.rcwa.preconditioned.field_series import FieldSeries

# The first term left out may be this many times larger than planned before the eigenvalues count as misjudged.
MISJUDGED = 10.0


class Fields(NamedTuple):
    """Tangential fields e and h at one interface in the real basis, complex (B, 2 N, c) each."""

    e: np.ndarray
    h: np.ndarray


class Propagation:
    """The layers of a batch of images, ready for fields of ``columns`` columns in the precision of ``series``."""

    def __init__(self, operator: PatternOperator, series: FieldSeries, columns: int) -> None:
        B, n = len(operator), 2 * operator.basis.size
        self._operator, self._series = operator, series
        self._real = np.finfo(series.dtype).dtype.type
        self._u, self._v = slice(0, columns), slice(columns, 2 * columns)
        self._terms = np.empty((series.degree + 1, B, n, 2 * columns), series.dtype)
        self._thin = _Curl(operator, series, columns)
        self._wide = _Curl(operator, series, 2 * columns)
        self._shift = self._real(series.scale * series.centre)

    def carry_up(self, below: Fields) -> Fields:
        """Fields at the layer's top from those at its bottom.

        Raises SolverError if the series does not converge: eigenvalues then lie outside of what was planned for.
        """
        u, v, series, terms = self._u, self._v, self._series, self._terms
        terms[0, ..., u] = below.e
        turned = np.multiply(below.h, series.dtype.type(-1j), out=self._thin.product)
        terms[0, ..., v] = self._operator.times_P(turned, np.empty_like(turned))
        for k in range(series.degree):
            self._operator.times_P(self._wide.of(terms[k]), terms[k + 1])
            terms[k + 1] -= np.multiply(terms[k], self._shift, out=self._wide.product)
            if k == 0:
                terms[1] *= self._real(0.5)
            else:
                terms[k + 1] -= terms[k - 1]
        self._check_convergence()
        sums = series.weights @ terms.view(self._real).reshape(len(terms), -1)
        cosine, sine, rest = sums.view(series.dtype).reshape(3, *terms.shape[1:])
        e = cosine[..., u] + self._real(series.scale) * sine[..., v]
        h = self._thin.of(rest[..., v] - sine[..., u])
        h *= series.dtype.type(1j)
        return Fields(e, h + self._real(series.at_zero) * below.h)

    def _check_convergence(self) -> None:
        terms, series = self._terms, self._series
        first, last = (np.linalg.norm(terms[k].reshape(terms.shape[1], -1), axis=1) for k in (0, -1))
        # Written so that a NaN is refused too.
        if not (last * series.neglected <= MISJUDGED * series.tail * first).all():
            raise SolverError(
                "the Chebyshev series of the patterned layer does not converge: its eigenvalues lie outside of what "
                "was expected; use solver='transfer'"
            )


class _Curl:
    """Q times the scale of a series, for fields (B, 2 N, c), in memory that every call uses again.

    Thin arrays cost more to make than to fill.
    """

    def __init__(self, operator: PatternOperator, series: FieldSeries, columns: int) -> None:
        basis, dtype = operator.basis, series.dtype
        shape = (len(operator), 2 * basis.size, columns)
        self._operator, self._real = operator, np.finfo(dtype).dtype.type
        self.product, self._cartesian, self._displaced = np.empty((3, *shape), dtype)
        # Real and imaginary part of every column in one long row a component: short rows are slow.
        self._px, self._py = (np.repeat(values, 2 * columns).astype(self._real) for values in (basis.px, basis.py))
        self._spare: np.ndarray = np.empty((shape[0], len(self._px)), self._real)
        black = np.full(basis.size, operator.black)
        diagonal = series.scale * np.concatenate([black, black - basis.parallel**2])
        self._diagonal: np.ndarray = np.repeat(diagonal, columns).astype(dtype).reshape(shape[1:])
        self._contrast = scalar(series.scale * operator.contrast, dtype)

    def of(self, fields: np.ndarray) -> np.ndarray:
        """The product: fields are turned to x and y, multiplied by X and turned back; the rest of Q is diagonal."""
        px, py, spare = self._px, self._py, self._spare
        (p, s), (x, y) = self._split(fields), self._split(self._cartesian)
        np.multiply(px, p, out=x)
        x -= np.multiply(py, s, out=spare)
        np.multiply(py, p, out=y)
        y += np.multiply(px, s, out=spare)
        self._operator.times_X(self._cartesian, self._displaced)
        self._displaced *= self._contrast
        np.multiply(fields, self._diagonal, out=self.product)
        (p, s), (x, y) = self._split(self.product), self._split(self._displaced)
        p += np.multiply(px, x, out=spare)
        p += np.multiply(py, y, out=spare)
        s += np.multiply(px, y, out=spare)
        s -= np.multiply(py, x, out=spare)
        return self.product

    def _split(self, fields: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both components as real rows, (B, 2 N c) each."""
        rows = fields.view(self._real).reshape(len(fields), 2, -1)
        return rows[:, 0], rows[:, 1]
