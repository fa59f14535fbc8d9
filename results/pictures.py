"""Microstructures as picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

LEAST_SIDE = 512  # of a picture: what is smaller is drawn with larger pixels


def save_picture(image: np.ndarray, path: Path) -> None:
    """Write an image (H, W) of 0 and 1 as a grey PNG, black and white, each pixel a square of several."""
    scale = max(1, -(-LEAST_SIDE // max(image.shape)))
    grey = np.kron(image.astype(np.uint8) * 255, np.ones((scale, scale), np.uint8))
    Image.fromarray(grey).save(path, optimize=True)
