"""How different designs are from each other: mean pairwise pixel distance, and copies."""

from __future__ import annotations

import numpy as np


def mean_pixel_distance(images: np.ndarray) -> float | None:
    """Mean over pairs of different images of the share of pixels in which they differ.

    A pixel that k of n images have white differs in k (n - k) pairs, so no pair is looked at by itself.

    Parameters
    ----------
    images
        Of 0 and 1, (n, H, W), uint8.

    Returns
    -------
    float or None
        From 0 to 1; None for fewer than two images.
    """
    count = len(images)
    if count < 2:
        return None
    white = images.sum(axis=0, dtype=np.int64)
    return float((white * (count - white)).mean() / (count * (count - 1) / 2))


def count_copies(images: np.ndarray) -> int:
    """How many of the images (n, H, W) are the same, pixel for pixel, as one before them."""
    return len(images) - len({image.tobytes() for image in np.ascontiguousarray(images)})
