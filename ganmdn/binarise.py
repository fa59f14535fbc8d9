"""Grey images of the generator to two-phase microstructures, by Otsu's threshold."""

from __future__ import annotations

import numpy as np
from skimage.filters import threshold_otsu

MIDDLE_GREY = 0.0  # middle of tanh's range


def binarise(grey: np.ndarray) -> np.ndarray:
    """Threshold each image on its own; white (1) where the value lies above Otsu's threshold.

    An image of one value has no two classes to separate; it is white if that value is above the middle of
    tanh's range and black otherwise.

    Parameters
    ----------
    grey
        Images, (B, H, W), finite, of any float type; the threshold is taken in float64.

    Returns
    -------
    np.ndarray
        uint8 0/1, (B, H, W).

    Raises
    ------
    ValueError
        If the shape is not (B, H, W) or a value is not finite.
    """
    if grey.ndim != 3:
        raise ValueError(f"grey must have shape (B, H, W), got {grey.shape}")
    if not np.isfinite(grey).all():
        bad = int(np.flatnonzero(~np.isfinite(grey).all(axis=(1, 2)))[0])
        raise ValueError(f"grey must be finite, image {bad} is not; the generator's weights have diverged")
    grey = grey.astype(np.float64, copy=False)  # in float32 the edges of Otsu's histogram round by processor
    return (grey > otsu_thresholds(grey)[:, None, None]).astype(np.uint8)


def otsu_thresholds(grey: np.ndarray) -> np.ndarray:
    """Otsu's threshold of each of the images (B, H, W), float64 (B,)."""
    return np.array([_threshold(image) for image in grey])


def _threshold(image: np.ndarray) -> float:
    """Otsu's threshold of one image, or the middle grey where it is not defined."""
    if image.min() == image.max():
        return MIDDLE_GREY
    return float(threshold_otsu(image))
