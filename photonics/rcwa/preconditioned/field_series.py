"""A Chebyshev series as it acts on a few columns of fields, in either precision."""

from __future__ import annotations

import numpy as np

from photonics.rcwa.chebyshev import BernsteinEllipse, Evaluation, plan_series

HIGHEST_DEGREE = 250
# Terms are added one by one, each a product with a few columns.
ON_FIELDS = Evaluation(degrees=tuple(range(1, HIGHEST_DEGREE + 1)), cost=float)
SINGLE, DOUBLE = np.dtype(np.complex64), np.dtype(np.complex128)


class FieldSeries:
    """The series of cos(d sqrt x) and sin(d sqrt x) / sqrt x, planned for fields of complex type ``dtype``.

    With C(x) = C(0) + x G(x) it is C(Q P) v = C(0) v + Q G(P Q) P v, so that one recurrence in P Q does for both.

    Parameters
    ----------
    ellipse : BernsteinEllipse
        Where the eigenvalues of P Q lie.
    thickness : float
        Thickness of the layer, in units of 1/k0.
    tail : float
        Largest error of the series on the ellipse.
    dtype : numpy.dtype
        Type of the fields.

    Attributes
    ----------
    scale : float
        What P Q is multiplied by in the recurrence T_(k+1) = 2 B T_k - T_(k-1), B = (P Q - centre) / half_width.
    at_zero : float
        C(0).
    weights : numpy.ndarray
        Coefficients of C, and of S and G over ``scale``, (3, degree + 1).
    """

    def __init__(self, ellipse: BernsteinEllipse, thickness: float, tail: float, dtype: np.dtype) -> None:
        series = plan_series(ellipse, thickness, tail, ON_FIELDS)
        self.dtype, self.centre, self.degree = dtype, ellipse.centre, series.degree
        self.tail, self.neglected = series.tail, series.neglected
        self.scale = 2 / ellipse.half_width
        rest, self.at_zero = divide_by_root(series.cosine, -ellipse.centre / ellipse.half_width)
        # x = half_width (t - root), and half_width times scale is 2.
        weights = np.stack([series.cosine, series.sine / self.scale, rest / 2])
        self.weights = weights.astype(np.finfo(dtype).dtype)


def divide_by_root(coefficients: np.ndarray, root: float) -> tuple[np.ndarray, float]:
    """A Chebyshev series p(t) as (t - root) q(t) + p(root), |root| <= 1: coefficients of q, with a 0 at their end.

    Clenshaw's recurrence (Math. Comp. 9, 118 (1955)).
    """
    q = np.zeros(len(coefficients) + 1)
    for k in range(len(coefficients) - 1, 0, -1):
        q[k - 1] = 2 * coefficients[k] + 2 * root * q[k] - q[k + 1]
    q[0] /= 2
    return q[:-1], float(coefficients[0] + root * q[0] - q[1] / 2)
