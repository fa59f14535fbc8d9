"""Images as packed bits: what stages hand on, and what stores keep."""

from __future__ import annotations

import numpy as np


def pack_images(images: np.ndarray) -> np.ndarray:
    """Images (n, px, px) of 0/1 as packed bits (n, ceil(px * px / 8)) uint8, row-major, first pixel highest bit."""
    return np.packbits(images.reshape(len(images), images.shape[1] * images.shape[2]), axis=1)


def unpack_images(packed: np.ndarray, image_px: int) -> np.ndarray:
    """Inverse of :func:`pack_images`: uint8 0/1 images (n, image_px, image_px)."""
    bits = np.unpackbits(packed, axis=1, count=image_px * image_px)
    return bits.reshape(len(packed), image_px, image_px)
