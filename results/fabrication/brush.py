"""Pixelated discs, with which smallest features are made and measured on the torus."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

ROUNDING = 1e-9  # of a quotient of lengths that is meant to be whole


def disc(diameter_px: int) -> np.ndarray:
    """Pixels of a square whose centres lie within the circle in it: bool (diameter_px, diameter_px).

    The brush of Chen et al., JOSA B 41, A161 (2024), by which they define length scales of pixelated designs. From
    three pixels on it lacks what a cross of three pixels cannot paint, so that no single pixel juts out.
    """
    if diameter_px < 1:
        raise ValueError(f"diameter_px must be at least 1, got {diameter_px}")
    centres = np.arange(diameter_px) - (diameter_px - 1) / 2
    within = centres[:, None] ** 2 + centres**2 < (diameter_px / 2) ** 2
    return ndimage.binary_opening(within) if diameter_px > 2 else within


def pixels_of(length_nm: float, pixel_nm: float) -> int:
    """The least number of pixels that are together at least as long as ``length_nm``; 1 or more."""
    return max(1, math.ceil(length_nm / pixel_nm - ROUNDING))


class Brush:
    """A disc that can be put anywhere on a torus; its place is that of its upper left corner.

    Attributes
    ----------
    rows, columns
        Of its pixels, (area,).
    area
        Number of its pixels.
    """

    def __init__(self, diameter_px: int, shape: tuple[int, ...]) -> None:
        """See ``disc``; ``shape`` is that of the images, (H, W)."""
        if diameter_px > min(shape):
            raise ValueError(f"diameter_px must be at most the image's {min(shape)}, got {diameter_px}")
        pixels = disc(diameter_px)
        self.rows, self.columns = np.nonzero(pixels)
        self.area = len(self.rows)
        self._shape = shape
        self._transform = np.fft.rfft2(pixels, shape)

    def under(self, phase: np.ndarray) -> np.ndarray:
        """How many pixels of a phase, 0/1 (H, W), lie under it at every place, (H, W)."""
        return np.rint(np.fft.irfft2(np.fft.rfft2(phase) * self._transform.conj(), self._shape))

    def painted(self, touches: np.ndarray) -> np.ndarray:
        """Pixels that it covers when it is put at all these places, bool (H, W)."""
        return np.rint(np.fft.irfft2(np.fft.rfft2(touches) * self._transform, self._shape)) > 0

    def opened(self, phase: np.ndarray) -> np.ndarray:
        """What it can paint of a phase without touching the other, bool (H, W): morphological opening."""
        return self.painted(self.under(phase) == self.area)
