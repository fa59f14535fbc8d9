"""Morphology of two-phase images.

Every statistic is computed per image on the white phase, with the periodic continuation that the simulations assume.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

IMAGES_PER_CHUNK = 256  # bounds the memory of the Fourier transforms


def volume_fraction(images: np.ndarray) -> np.ndarray:
    """Share of white pixels; float64 (B, 1)."""
    return images.mean(axis=(1, 2), dtype=np.float64)[:, None]


def two_point_correlation(images: np.ndarray) -> np.ndarray:
    """Probability that two points at lag r are both white, averaged over directions; float64 (B, H // 2).

    Column r holds lags within half a pixel of r (Torquato, Random Heterogeneous Materials, section 2.2).
    """
    height, width = images.shape[1:]
    spectrum = np.abs(np.fft.rfft2(images.astype(np.float64))) ** 2
    correlation = np.fft.irfft2(spectrum, s=(height, width)) / (height * width)
    lag = np.hypot(_signed(height)[:, None], _signed(width)[None, :])
    return _ring_mean(correlation, lag, min(height, width) // 2)


def spectral_density(images: np.ndarray) -> np.ndarray:
    """Share of the variance at each |k|, in rings of one cycle per image; float64 (B, H // 2), rows sum to one.

    Column j holds |k| within half a cycle of j + 1 cycles per image. An image of one phase alone has no variance;
    its row is zero.
    """
    height, width = images.shape[1:]
    power = np.abs(np.fft.fft2(images - images.mean(axis=(1, 2), keepdims=True))) ** 2
    cycles = np.hypot(_signed(height)[:, None], _signed(width)[None, :])
    rings = min(height, width) // 2
    ring = np.rint(cycles).astype(np.int64).ravel()
    inside = (ring >= 1) & (ring <= rings)
    membership = (ring[inside, None] == np.arange(1, rings + 1)).astype(np.float64)
    density = power.reshape(len(images), -1)[:, inside] @ membership
    total = density.sum(axis=1, keepdims=True)
    return np.divide(density, total, out=np.zeros_like(density), where=total > 1e-12 * height * width)


def lineal_path(images: np.ndarray) -> np.ndarray:
    """Probability that a segment of r + 1 pixels along a row or column lies in white; float64 (B, H // 2).

    (Lu and Torquato, Physical Review A 45, 922 (1992).)
    """
    lags = min(images.shape[1:]) // 2
    path = np.empty((len(images), lags))
    white = images.astype(bool)
    along = [white.copy(), white.copy()]
    for r in range(lags):
        if r:
            along[0] &= np.roll(white, -r, axis=1)
            along[1] &= np.roll(white, -r, axis=2)
        path[:, r] = sum(segment.mean(axis=(1, 2)) for segment in along) / 2
    return path


def _signed(size: int) -> np.ndarray:
    """Lags or frequencies of an FFT axis as signed whole numbers."""
    return np.fft.fftfreq(size, 1 / size)


def _ring_mean(values: np.ndarray, radius: np.ndarray, rings: int) -> np.ndarray:
    """Mean of ``values`` (B, H, W) over the pixels whose ``radius`` (H, W) rounds to 0, 1, ... rings - 1."""
    ring = np.rint(radius).astype(np.int64).ravel()
    membership = (ring[:, None] == np.arange(rings)).astype(np.float64)
    return values.reshape(len(values), -1) @ (membership / membership.sum(axis=0))


STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "volume_fraction": volume_fraction,
    "two_point_correlation": two_point_correlation,
    "spectral_density": spectral_density,
    "lineal_path": lineal_path,
}


@dataclass(frozen=True)
class Curve:
    """One statistic of a set of images: mean and standard deviation over the images, each (R,)."""

    mean: np.ndarray
    spread: np.ndarray


def set_statistics(images: np.ndarray) -> dict[str, Curve]:
    """Mean and spread of each statistic over one set of 0/1 images (B, H, W)."""
    return {name: _curve(per_image(images, name)) for name in STATISTICS}


def per_image(images: np.ndarray, name: str) -> np.ndarray:
    """The statistic called ``name`` (a key of ``STATISTICS``) of every image of (B, H, W), float64 (B, R)."""
    chunks = range(0, len(images), IMAGES_PER_CHUNK)
    return np.concatenate([STATISTICS[name](images[start : start + IMAGES_PER_CHUNK]) for start in chunks])


def _curve(values: np.ndarray) -> Curve:
    return Curve(values.mean(axis=0), values.std(axis=0))
