"""Cosine and sine of a matrix square root by Chebyshev expansion: matrix products only.

For a layer of half thickness h in units of 1/k0 and A = P Q, C = cos(sqrt(A) h) and S = sin(sqrt(A) h) / sqrt(A) are
entire functions of A: one expansion around the spectrum serves propagating and evanescent modes alike. Degree and
number of doublings are chosen beforehand, from the ellipse that the spectrum lies in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

# exp(kappa h) of the fastest evanescent mode over one expansion. Rounding errors of C and S grow by as much, but hardly
# those of what is made of them, in single precision too.
LARGEST_GROWTH = 400.0
# A doubling costs a product, an LU factorisation and two solves, in units of a product.
DOUBLING_COST = 10 / 3
MOST_DOUBLINGS = 40
HIGHEST_DEGREE = 48
SAMPLES = 256
# Error of the coefficients, relative to the largest value on the ellipse; they add up.
ROUNDING = 1e-14


@dataclass(frozen=True)
class Spectrum:
    """Ellipse that holds the spectrum of A: real foci ``low`` and ``high``, semi-axis ``height`` across them."""

    low: float
    high: float
    height: float

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
class Expansion:
    """How C and S of a layer are made: expand at ``half_thickness``, then double it ``doublings`` times.

    ``cosine`` and ``sine`` are the Chebyshev coefficients of an even degree; ``growth`` bounds exp(kappa h) over one
    expansion.
    """

    spectrum: Spectrum
    half_thickness: float
    growth: float
    doublings: int
    cosine: tuple[float, ...]
    sine: tuple[float, ...]

    @property
    def degree(self) -> int:
        """Degree 2 s of the polynomials."""
        return len(self.cosine) - 1

    @property
    def cost(self) -> float:
        """Work in units of a matrix product."""
        return self.degree / 2 + DOUBLING_COST * self.doublings


@lru_cache(maxsize=256)
def plan_expansion(spectrum: Spectrum, thickness: float, tail: float) -> Expansion:
    """The cheapest expansion with an error below ``tail`` on the ellipse ``spectrum``; thickness in units of 1/k0.

    The error is absolute; both functions are of order 1 for propagating modes. Errors of a phase double with the
    thickness, so the expansion itself is better by 2^doublings. Raises ValueError if the layer is too thick for
    ``MOST_DOUBLINGS``.
    """
    best: Expansion | None = None
    for doublings in range(MOST_DOUBLINGS + 1):
        if best is not None and DOUBLING_COST * doublings >= best.cost:
            return best
        candidate = _expand(spectrum, thickness / 2 ** (doublings + 1), doublings, tail)
        if candidate is not None and (best is None or candidate.cost < best.cost):
            best = candidate
    raise ValueError(
        f"thickness must be within reach of {MOST_DOUBLINGS} doublings, got {thickness!r} / k0 for a spectrum of "
        f"{spectrum!r}; use a thinner layer or fewer orders"
    )


def _expand(spectrum: Spectrum, h: float, doublings: int, wanted: float) -> Expansion | None:
    """Expansion at half thickness h, or None if its modes grow too much or its degree is too high.

    On the ellipse T_k = (u^k + u^-k) / 2 with |u| = rho, so a Fourier transform over the angle of u gives c_k rho^k / 2
    (Trefethen, Approximation Theory and Approximation Practice, chapter 8). Sampling there, not on the interval, keeps
    the rounding error of every c_k small against rho^-k.
    """
    root = np.sqrt(spectrum.boundary())
    growth = math.exp(min(h * np.abs(root.imag).max(), 700.0))
    if growth > LARGEST_GROWTH:
        return None
    values = np.stack([np.cos(root * h), h * np.sinc(root * h / math.pi)])
    scaled = np.fft.fft(values, axis=1).real[:, : SAMPLES // 2] / SAMPLES
    scaled[:, 1:] *= 2
    tail = np.abs(scaled[:, ::-1]).cumsum(axis=1)[:, ::-1].max(axis=0)
    # Rounding errors of the transform are no part of the tail.
    enough = max(wanted / 2**doublings, ROUNDING * growth)
    for degree in range(4, HIGHEST_DEGREE + 1, 2):
        if tail[degree + 1] < enough:
            cosine, sine = scaled[:, : degree + 1] / spectrum.radius ** np.arange(degree + 1)
            return Expansion(spectrum, h, growth, doublings, tuple(cosine.tolist()), tuple(sine.tolist()))
    return None


def cosine_and_sine(A: Tensor, expansion: Expansion, stretch: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """C and S of A at ``stretch * expansion.half_thickness``, before any doubling; (B, n, n) like A.

    ``stretch``, at most 1, carries the gradient of the thickness, which the coefficients do not know.

    T_1 to T_s come by recurrence; the upper half of a sum of degree 2 s is divided by T_s in the Chebyshev basis, with
    T_(s+k) = 2 T_s T_k - T_(s-k), which keeps every coefficient small, as monomials would not.
    """
    spectrum, s = expansion.spectrum, expansion.degree // 2
    identity = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand_as(A)
    B = A * (stretch**2 / spectrum.half_width)
    B.diagonal(dim1=-2, dim2=-1).sub_(spectrum.centre / spectrum.half_width)
    T = [identity, B]
    for _ in range(s - 1):
        T.append(torch.baddbmm(T[-2], B, T[-1], beta=-1, alpha=2))
    remainders, quotients = [], []
    for c in (expansion.cosine, expansion.sine):
        remainders.append([c[k] - c[2 * s - k] for k in range(s)] + [c[s]])
        quotients.append([0.0] + [2 * c[s + k] for k in range(1, s + 1)])
    weights = torch.tensor(remainders + quotients, dtype=A.real.dtype, device=A.device)
    # All four sums of the T_k at once, as one real product.
    basis = torch.view_as_real(torch.stack(T)).reshape(s + 1, -1)
    sums = torch.view_as_complex((weights @ basis).reshape(4, *A.shape, 2))
    C, S = torch.baddbmm(sums[0], T[s], sums[2]), torch.baddbmm(sums[1], T[s], sums[3])
    return C, S * stretch
