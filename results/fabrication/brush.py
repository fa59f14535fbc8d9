"""Pixelated discs, with which smallest features are made and measured."""

from __future__ import annotations

import math

import numpy as np

ROUNDING = 1e-9  # of a quotient of lengths that is meant to be whole


def disc(diameter_px: int) -> np.ndarray:
    """Pixels of a square whose centres lie within the circle in it: bool (diameter_px, diameter_px).

    The brush of Chen et al., JOSA B 41, A161 (2024), by which they define length scales of pixelated designs: of two
    pixels it is a square, of three a cross, since a corner of the square would be a pixel that no cross reaches.
    """
    if diameter_px < 1:
        raise ValueError(f"diameter_px must be at least 1, got {diameter_px}")
    centres = np.arange(diameter_px) - (diameter_px - 1) / 2
    within = centres[:, None] ** 2 + centres**2 < (diameter_px / 2) ** 2
    if diameter_px == 3:
        within[::2, ::2] = False
    return within


def pixels_of(length_nm: float, pixel_nm: float) -> int:
    """The least number of pixels that are together at least as long as ``length_nm``; 1 or more."""
    return max(1, math.ceil(length_nm / pixel_nm - ROUNDING))
