"""Morphology of two-phase images.

Every statistic is computed per image on the white phase, with the periodic continuation that the simulations assume.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

IMAGES_PER_CHUNK = 256  # bounds the memory of the Fourier transforms


def volume_fraction(images: np.ndarray) -> np.ndarray:
    """Share of white pixels; float64 (B, 1)."""
    return images.mean(axis=(1, 2), dtype=np.float64)[:, None]


def lineal_path(images: np.ndarray) -> np.ndarray:
    """Probability that a segment of r + 1 pixels along a row or column lies in white; float64 (B, H // 2).

    (Lu and Torquato, Physical Review A 45, 922 (1992).)
    """
    count, lags = len(images), min(images.shape[1:]) // 2
    inside = np.zeros((count, lags))
    first = np.arange(count)[:, None, None] * (lags + 1)
    for lines in (images, images.transpose(0, 2, 1)):
        # A segment that ends at a pixel lies in white if it is no longer than the white that ends there.
        places = (first + np.minimum(_white_up_to(lines), lags)).ravel()
        ends = np.bincount(places, minlength=count * (lags + 1)).reshape(count, lags + 1)
        inside += ends[:, :0:-1].cumsum(axis=1)[:, ::-1]
    return inside / (2 * images[0].size)


def _white_up_to(lines: np.ndarray) -> np.ndarray:
    """How many pixels in a row are white up to each pixel of periodic lines (B, L, N); N or more where all are."""
    length = lines.shape[-1]
    pixel = np.arange(length, dtype=np.int16)
    black = np.where(lines, np.int16(-length), pixel)
    black[..., 0] = np.maximum(black[..., 0], black.max(axis=-1) - length)
    return pixel - np.maximum.accumulate(black, axis=-1)


@lru_cache(maxsize=4)
def _ring_weights(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """What makes two-point correlation and spectral density of the power, (H (W // 2 + 1), rings) each.

    The correlation is the inverse transform of the power, averaged over rings of lags; both are sums over frequencies,
    so that they become one.
    """
    ring = np.rint(np.hypot(_signed(height)[:, None], _signed(width))).astype(np.int64)
    rings, half = np.arange(min(height, width) // 2)[:, None, None], width // 2 + 1
    twice = np.full(half, 2.0)  # a frequency stands for its opposite, too, but on the edges of the half plane
    twice[0 if width % 2 else [0, -1]] = 1.0
    at_lag = (ring == rings).astype(np.float64)
    mean = at_lag / at_lag.sum(axis=(1, 2), keepdims=True)
    correlation = twice * np.fft.rfft2(mean).real / (height * width) ** 2
    density = twice * (ring[:, :half] == rings + 1)
    return correlation.reshape(len(rings), -1).T, density.reshape(len(rings), -1).T


def _signed(size: int) -> np.ndarray:
    """Lags or frequencies of an FFT axis as signed whole numbers."""
    return np.fft.fftfreq(size, 1 / size)


@dataclass(frozen=True)
class Curve:
    """One statistic of a set of images: mean and standard deviation over the images, each (R,)."""

    mean: np.ndarray
    spread: np.ndarray


def set_statistics(images: np.ndarray) -> dict[str, Curve]:
    """Mean and spread of each statistic over one set of 0/1 images (B, H, W)."""
    return {name: _curve(values) for name, values in per_image(images).items()}


def per_image(images: np.ndarray) -> dict[str, np.ndarray]:
    """Statistics of every image of a set of 0/1 images (B, H, W), by name.

    ``volume_fraction`` is (B, 1), the others are float64 (B, H // 2). ``two_point_correlation``: probability that two
    points at a lag within half a pixel of r are both white (Torquato, Random Heterogeneous Materials, section 2.2).
    ``spectral_density``: share of the variance at |k| within half a cycle of j + 1 cycles per image; rows sum to one,
    and are zero for an image of one phase alone, which has no variance. ``lineal_path``: see there.
    """
    chunks = [images[start : start + IMAGES_PER_CHUNK] for start in range(0, len(images), IMAGES_PER_CHUNK)]
    found = [_statistics(chunk) for chunk in chunks]
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def _statistics(images: np.ndarray) -> dict[str, np.ndarray]:
    power = (np.abs(np.fft.rfft2(images)) ** 2).reshape(len(images), -1)
    correlation, density = (power @ weights for weights in _ring_weights(*images.shape[1:]))
    total = density.sum(axis=1, keepdims=True)
    varied = total > 1e-12 * images[0].size
    return {
        "volume_fraction": volume_fraction(images),
        "two_point_correlation": correlation,
        "spectral_density": np.divide(density, total, out=np.zeros_like(density), where=varied),
        "lineal_path": lineal_path(images),
    }


def _curve(values: np.ndarray) -> Curve:
    return Curve(values.mean(axis=0), values.std(axis=0))
