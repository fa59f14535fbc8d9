"""Chebyshev series of cos(d sqrt x) and sin(d sqrt x) / sqrt x, planned before any matrix is there.

A patterned layer of thickness d, in units of 1/k0, is described by both functions of A = P Q (``reference``). They are
entire, so that one series around the eigenvalues of A serves propagating and evanescent modes alike, with products of
matrices only. Where it ends follows from a Bernstein ellipse around the eigenvalues (Trefethen, Approximation Theory
and Approximation Practice, chapter 8). Thick layers are expanded at a part of their thickness, then doubled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SAMPLES = 512
# Coefficients below this part of the largest value on the ellipse are rounding errors of the transform.
ROUNDING = 2e-16
# exp(LARGEST_EXPONENT) is still a number.
LARGEST_EXPONENT = 700.0
# Phase of which the sine is itself: quotients of smaller ones lose their digits.
SMALLEST_PHASE = 1e-8


@dataclass(frozen=True)
class BernsteinEllipse:
    """An ellipse around eigenvalues: real foci ``low`` and ``high``, semi-axis ``height`` across them."""

    low: float
    high: float
    height: float = 0.0

    @property
    def centre(self) -> float:
        """Middle of the foci."""
        return (self.high + self.low) / 2

    @property
    def half_width(self) -> float:
        """Half the distance of the foci: A maps to (A - centre) / half_width, with foci -1 and 1."""
        return (self.high - self.low) / 2

    @property
    def radius(self) -> float:
        """Parameter rho of the ellipse, on which Chebyshev polynomials grow as |T_k| <= rho^k."""
        relative = self.height / self.half_width
        return relative + math.sqrt(1 + relative**2)

    def boundary(self) -> np.ndarray:
        """Points of the ellipse, complex (SAMPLES,): Joukowski images of a circle of radius rho."""
        circle = self.radius * np.exp(2j * math.pi * np.arange(SAMPLES) / SAMPLES)
        return self.centre + self.half_width * (circle + 1 / circle) / 2


@dataclass(frozen=True)
class Evaluation:
    """How a series will be evaluated, which decides what is cheap and what is exact enough.

    Attributes
    ----------
    degrees : tuple of int
        Degrees that can be had, rising.
    cost : callable
        Work that a degree takes, in products.
    doubling_cost : float
        Work of a doubling, in products.
    doubling_error : float
        Factor by which a doubling multiplies errors.
    most_doublings : int
        Doublings at most.
    largest_growth : float
        Largest exp(kappa d) of the fastest evanescent mode over the expanded part.
    relative_sine : bool
        Whether errors of the sine count relative to its value at x = 0, the thickness.
    """

    degrees: tuple[int, ...]
    cost: Callable[[int], float]
    doubling_cost: float = 0.0
    doubling_error: float = 1.0
    most_doublings: int = 0
    largest_growth: float = math.inf
    relative_sine: bool = False


@dataclass(frozen=True, eq=False)
class Series:
    """Both functions for a part of a layer, which becomes the layer by ``doublings``.

    Attributes
    ----------
    ellipse : BernsteinEllipse
        Where the eigenvalues lie; the series runs over T_k((x - centre) / half_width).
    thickness : float
        Thickness of the part, in units of 1/k0.
    doublings : int
        How often the part is to be doubled.
    growth : float
        Bound of exp(kappa d) of the evanescent modes over the part.
    cosine, sine : numpy.ndarray
        Coefficients, float64 (degree + 1,) each.
    tail : float
        Truncation error planned for.
    neglected : float
        Size of the first coefficient left out.
    cost : float
        Work with all doublings, in products.
    """

    ellipse: BernsteinEllipse
    thickness: float
    doublings: int
    growth: float
    cosine: np.ndarray
    sine: np.ndarray
    tail: float
    neglected: float
    cost: float

    @property
    def degree(self) -> int:
        """Degree of both polynomials."""
        return len(self.cosine) - 1


@lru_cache(maxsize=256)
def plan_series(ellipse: BernsteinEllipse, thickness: float, tail: float, evaluation: Evaluation) -> Series:
    """The cheapest series whose error, with all doublings, stays below ``tail`` on the ellipse.

    Parameters
    ----------
    ellipse : BernsteinEllipse
        Where the eigenvalues of A lie.
    thickness : float
        Thickness in units of 1/k0.
    tail : float
        Largest error, absolute: both functions are of order 1 for propagating modes.
    evaluation : Evaluation
        What degrees and doublings cost.

    Raises
    ------
    ValueError
        If the layer is too thick for the degrees and doublings that there are.
    """
    best: Series | None = None
    for doublings in range(evaluation.most_doublings + 1):
        if best is not None and evaluation.doubling_cost * doublings >= best.cost:
            break
        candidate = _expand(ellipse, thickness / 2**doublings, doublings, tail, evaluation)
        if candidate is not None and (best is None or candidate.cost < best.cost):
            best = candidate
    if best is None:
        raise ValueError(
            f"thickness must be within reach of {evaluation.most_doublings} doublings, got {thickness!r} / k0 for "
            f"eigenvalues in {ellipse!r}; use a thinner layer or fewer orders"
        )
    return best


def _expand(
    ellipse: BernsteinEllipse, part: float, doublings: int, tail: float, evaluation: Evaluation
) -> Series | None:
    """Series of a part of the layer, or None if its modes grow too much or its degree is too high.

    On the ellipse T_k = (u^k + u^-k) / 2 with |u| = rho, so a Fourier transform over the angle of u gives
    c_k rho^k / 2. Sampling there, not on the interval, keeps the rounding error of every c_k small against rho^-k.
    """
    root = np.sqrt(ellipse.boundary())
    growth = math.exp(min(part * np.abs(root.imag).max(), LARGEST_EXPONENT))
    if growth > evaluation.largest_growth:
        return None
    scaled = np.fft.fft(_cosine_and_sine(part, root), axis=1).real[:, : SAMPLES // 2] / SAMPLES
    scaled[:, 1:] *= 2
    error = np.abs(scaled)
    error[error < ROUNDING * growth] = 0.0
    if evaluation.relative_sine and part > SMALLEST_PHASE:
        error[1] /= part
    beyond = error[:, ::-1].cumsum(axis=1)[:, ::-1].max(axis=0)
    for degree in evaluation.degrees:
        if beyond[degree + 1] < tail / evaluation.doubling_error**doublings:
            coefficients = scaled[:, : degree + 2] / ellipse.radius ** np.arange(degree + 2)
            cost = evaluation.cost(degree) + evaluation.doubling_cost * doublings
            cosine, sine = coefficients[:, :-1]
            neglected = float(np.abs(coefficients[:, -1]).max())
            return Series(ellipse, part, doublings, growth, cosine, sine, tail, neglected, cost)
    return None


def _cosine_and_sine(thickness: float, root: np.ndarray) -> np.ndarray:
    """Values of cos(d r) and sin(d r) / r at complex r (n,), (2, n)."""
    phase = thickness * root
    phase[np.abs(phase) < SMALLEST_PHASE] = 0.0
    return np.stack([np.cos(phase), thickness * np.sinc(phase / math.pi)])


def divide(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A series of even degree 2 s as r + T_s q, with r and q of degree s: coefficients (s + 1,) of both.

    The products T_2 to T_s and one more then do for degree 2 s. Division in the Chebyshev basis, by
    T_(s+k) = 2 T_s T_k - T_(s-k), keeps every coefficient small, as monomials would not.
    """
    s = len(coefficients) // 2
    remainder = np.append(coefficients[:s] - coefficients[:s:-1], coefficients[s])
    return remainder, np.append(0.0, 2 * coefficients[s + 1 :])
