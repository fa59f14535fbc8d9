"""Cosine and sine of a matrix square root as Chebyshev sums, for one small batch of matrices after the other."""

from __future__ import annotations

import numpy as np

from photonics.rcwa.chebyshev import Evaluation, Series, divide
from photonics.rcwa.preconditioned.real_basis import diagonal

MOST_DOUBLINGS = 8
HIGHEST_DEGREE = 20


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


class MatrixSeries:
    """C and S of matrices of type ``dtype``, at most ``count`` of side n at a time.

    Every batch fills the same memory: to get fresh memory takes as long as what is done with it.
    """

    def __init__(self, series: Series, dtype: np.dtype, count: int, n: int) -> None:
        self._series, self._real = series, np.finfo(dtype).dtype
        self._divided = _is_divided(series.degree)
        self._weights = np.stack([series.cosine, series.sine])
        if self._divided:
            self._weights = np.stack([*map(divide, self._weights)], axis=1).reshape(4, -1)
        self._T = np.empty((count, self._weights.shape[1] - 1, n, n), dtype)
        self._sums = np.empty((count, len(self._weights), n, n), dtype)
        self._product = np.empty((count, n, n), dtype)

    def cosine_and_sine(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """C and S of A (B, n, n), which the next call overwrites."""
        ellipse, real = self._series.ellipse, self._real.type
        T, product = self._T[: len(A)], self._product[: len(A)]
        np.multiply(A, real(1 / ellipse.half_width), out=T[:, 0])
        diagonal(T[:, 0])[...] -= real(ellipse.centre / ellipse.half_width)
        twice = np.multiply(T[:, 0], real(2), out=product)
        for k in range(1, T.shape[1]):
            following = np.matmul(twice, T[:, k - 1], out=T[:, k])
            if k == 1:
                diagonal(following)[...] -= real(1)
            else:
                following -= T[:, k - 2]
        sums = self._sum(T)
        C, S = sums[:, 0], sums[:, 1]
        if self._divided:
            C += np.matmul(T[:, -1], sums[:, 2], out=product)
            S += np.matmul(T[:, -1], sums[:, 3], out=product)
        for _ in range(self._series.doublings):
            np.multiply(np.matmul(S, C, out=product), real(2), out=S)
            np.multiply(np.matmul(C, C, out=product), real(2), out=C)
            diagonal(C)[...] -= real(1)
        return C, S

    def _sum(self, T: np.ndarray) -> np.ndarray:
        """All sums c_0 + c_1 T_1 + ... as one real product, (B, sums, n, n)."""
        sums, real = self._sums[: len(T)], self._real
        weights = self._weights.astype(real)
        terms, found = (each.view(real).reshape(*each.shape[:2], -1) for each in (T, sums))
        np.matmul(weights[:, 1:], terms, out=found)
        diagonal(sums)[...] += weights[:, :1]
        return sums
