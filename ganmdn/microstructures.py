"""Periodic two-phase microstructures: Gaussian random fields with a ring-shaped spectral density, thresholded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NYQUIST_PER_PX = 0.5
Interval = tuple[float, float]


@dataclass(frozen=True)
class MicrostructureRanges:
    """Closed intervals (low, high) from which each image's three parameters are drawn uniformly.

    Attributes
    ----------
    frequency_mean_per_px, frequency_std_per_px
        Radius and width of the ring in the Fourier plane, cycles per pixel.
    volume_fraction
        Share of white pixels.
    """

    frequency_mean_per_px: Interval = (0.04, 0.10)
    frequency_std_per_px: Interval = (0.005, 0.02)
    volume_fraction: Interval = (0.30, 0.70)

    def __post_init__(self) -> None:
        _check("frequency_mean_per_px", self.frequency_mean_per_px, upper=NYQUIST_PER_PX)
        _check("frequency_std_per_px", self.frequency_std_per_px, upper=NYQUIST_PER_PX)
        _check("volume_fraction", self.volume_fraction, upper=1.0)


def _check(name: str, interval: Interval, upper: float) -> None:
    low, high = interval
    if not 0 < low <= high < upper:
        raise ValueError(f"{name} must be (low, high) with 0 < low <= high < {upper}, got ({low}, {high})")


def draw_microstructures(
    image_px: int, ranges: MicrostructureRanges, seed: np.random.SeedSequence, indices: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the images numbered ``indices`` of the set that ``seed`` stands for.

    Image i depends on ``seed`` and i alone, so that any partition of a set over workers gives the same set.

    Parameters
    ----------
    image_px
        Side of the square images.
    ranges
        Where the parameters are drawn from.
    seed
        Root of the set; image i uses its child with spawn key i.
    indices
        Numbers of the images, non-negative.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Images, uint8 0/1 (n, image_px, image_px), and parameters, float64 (n, 3), in the order of the fields of
        :class:`MicrostructureRanges`.
    """
    images = np.empty((len(indices), image_px, image_px), np.uint8)
    parameters = np.empty((len(indices), 3))
    intervals = np.array([ranges.frequency_mean_per_px, ranges.frequency_std_per_px, ranges.volume_fraction])
    radius = frequency_radius(image_px)
    for row, index in enumerate(indices):
        child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, int(index)))
        rng = np.random.default_rng(child)
        mean, std, fraction = parameters[row] = rng.uniform(intervals[:, 0], intervals[:, 1])
        images[row] = threshold_at_fraction(gaussian_random_field(radius, mean, std, rng), fraction)
    return images, parameters


def frequency_radius(image_px: int) -> np.ndarray:
    """|k| in cycles per pixel on the half plane of ``rfft2``; float64 (image_px, image_px // 2 + 1)."""
    if image_px < 2:
        raise ValueError(f"image_px must be at least 2, got {image_px}")
    return np.hypot(np.fft.fftfreq(image_px)[:, None], np.fft.rfftfreq(image_px)[None, :])


def gaussian_random_field(
    radius_per_px: np.ndarray, mean_per_px: float, std_per_px: float, rng: np.random.Generator
) -> np.ndarray:
    """White noise filtered by the square root of the spectral density exp(-(|k| - mean)^2 / 2 std^2).

    Filtering in the Fourier plane makes the field periodic. NumPy's FFT is used because its result does not
    depend on the number of threads.

    Parameters
    ----------
    radius_per_px
        From :func:`frequency_radius`.
    mean_per_px, std_per_px
        The ring's radius and width, cycles per pixel.
    rng
        Source of the white noise.

    Returns
    -------
    np.ndarray
        float64 (n, n) of zero mean; its scale is arbitrary.
    """
    size = radius_per_px.shape[0]
    log_amplitude = -(((radius_per_px - mean_per_px) / std_per_px) ** 2) / 4
    log_amplitude[0, 0] = -np.inf  # the threshold makes the mean irrelevant
    # Relative to the largest, or a ring narrower than the frequency grid could underflow to an empty spectrum.
    amplitude = np.exp(log_amplitude - log_amplitude.max())
    noise = np.fft.rfft2(rng.standard_normal((size, size)))
    return np.fft.irfft2(amplitude * noise, s=(size, size))


def threshold_at_fraction(field: np.ndarray, volume_fraction: float) -> np.ndarray:
    """White (1) where ``field`` (n, n) is among its ``volume_fraction`` highest values; uint8."""
    return (field > np.quantile(field, 1 - volume_fraction)).astype(np.uint8)
