"""Chebyshev series of cos(d sqrt x) and sin(d sqrt x) / sqrt x for operators that act on vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from photonics.rcwa.chebyshev import Spectrum

SAMPLES = 512
# Coefficients below this part of the largest are rounding errors of the transform.
ROUNDING = 1e-15
SMALLEST_PHASE = 1e-8


@dataclass(frozen=True)
class Series:
    """Coefficients ``cosine`` and ``sine`` (degree + 1,) in T_k((x - centre) / half_width).

    ``tail`` is the truncation error planned for, ``neglected`` the size of the first coefficient left out.
    """

    centre: float
    half_width: float
    cosine: np.ndarray
    sine: np.ndarray
    tail: float
    neglected: float

    @property
    def degree(self) -> int:
        """Degree of both polynomials."""
        return len(self.cosine) - 1


def expand(spectrum: Spectrum, thickness: float, tail: float) -> Series:
    """The shortest series with an error below ``tail`` on the ellipse ``spectrum``; thickness in units of 1/k0."""
    cosine, sine = chebyshev_coefficients(spectrum.low, spectrum.high, thickness)
    # |T_k| <= rho^k on the ellipse; rounding errors of the coefficients are no terms of the series.
    size = np.maximum(np.abs(cosine), np.abs(sine))
    size[size < ROUNDING * size.max()] = 0.0
    beyond = (size * spectrum.radius ** np.arange(len(size)))[::-1].cumsum()[::-1]
    kept = max(int(np.argmax(np.append(beyond, 0.0) < tail)), 2)
    return Series(spectrum.centre, spectrum.half_width, cosine[:kept], sine[:kept], tail, float(size[kept]))


def chebyshev_coefficients(low: float, high: float, thickness: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (SAMPLES / 2,) of cos(d sqrt x) and sin(d sqrt x) / sqrt x on [low, high]."""
    nodes = np.cos((np.arange(SAMPLES) + 0.5) * math.pi / SAMPLES)
    root = np.sqrt((high + low) / 2 + (high - low) / 2 * nodes + 0j)
    phase = thickness * root
    # The sinc of a phase so small that its quotients lose their digits is 1.
    phase[np.abs(phase) < SMALLEST_PHASE] = 0.0
    values = np.stack([np.cos(phase), thickness * np.sinc(phase / math.pi)]).real
    coefficients = dct(values, axis=1)[:, : SAMPLES // 2] / SAMPLES
    coefficients[:, 0] /= 2
    return coefficients[0], coefficients[1]
