"""What every inverse model has in common: a target property in, designs out."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from ganmdn.targets import Target

Generate = Callable[[np.ndarray], np.ndarray]
"""From latents z, float32 (B, h, w), to images, uint8 0/1 (B, H, W)."""


@dataclass(frozen=True)
class Designs:
    """Microstructures proposed for one target.

    Parameters
    ----------
    images
        uint8 0/1, (n, H, W), white = 1.
    z
        The latents that the generator turned into ``images``, float32 (n, h, w); None where there are none.
    predicted, deviation
        (n,), or (n, D) of several, the property that the model expects of each image and the standard deviation of its
        error; None for a model that predicts none. A share of 0.9 of the simulated properties should lie within 1.645
        deviations.
    """

    images: np.ndarray
    z: np.ndarray | None = None
    predicted: np.ndarray | None = None
    deviation: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 3 or self.images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 of shape (n, H, W), got {self.images.dtype} {self.images.shape}")
        if self.images.size and self.images.max() > 1:
            raise ValueError(f"images must hold 0 and 1 only, got {self.images.max()}")
        if self.z is not None and (self.z.ndim != 3 or len(self.z) != len(self.images)):
            raise ValueError(f"z must have shape (n, h, w) with n = {len(self.images)}, got {self.z.shape}")
        for name in ("predicted", "deviation"):
            if (values := getattr(self, name)) is not None and not is_column(values, len(self.images)):
                raise ValueError(f"{name} must have shape (n,) with n = {len(self.images)}, got {values.shape}")


def is_column(values: np.ndarray, count: int) -> bool:
    """Whether an array holds a number a row, (count,), or several, (count, D)."""
    return values.ndim in (1, 2) and len(values) == count


@runtime_checkable
class InverseModel(Protocol):
    """A fitted inverse model; each class also has ``load``, which reads what ``save`` wrote."""

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        """Propose ``count`` microstructures for a target; the same arguments, the same designs."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``, made if need be, as arrays and weights: no pickled objects."""
        ...


def most_designs(model: InverseModel, wanted: int) -> int:
    """``wanted``, or as many designs as the model has, where it picks them from a table (``len`` of the model)."""
    return min(wanted, len(model)) if isinstance(model, Sized) else wanted


def binary_rows(images: np.ndarray) -> np.ndarray:
    """Labelled images as rows of pixels: uint8 0/1 (n, H, W) to float32 (n, H x W).

    Raises
    ------
    ValueError
        If they are not 0/1 images of that shape.
    """
    return Designs(images).images.reshape(len(images), -1).astype(np.float32)


def binarise_keeping_fraction(grey: np.ndarray) -> np.ndarray:
    """Reconstructions of 0/1 images to 0/1 images with as much white as was predicted, to half a pixel.

    The paper does not say how its baselines binarise. A fixed threshold of 0.5 darkens what PCA has smoothed (31 %
    white became 19 %) and Otsu's whitens it (46 %); either moves the absorption away from the target.

    Parameters
    ----------
    grey
        (n, H, W), finite; the white share of each image is its mean, clipped to [0, 1].

    Returns
    -------
    np.ndarray
        uint8 0/1, (n, H, W), white where the image is brightest; of equally bright pixels the first ones, row by row.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    if not np.isfinite(grey).all():
        bad = int(np.flatnonzero(~np.isfinite(grey).all(axis=(1, 2)))[0])
        raise ValueError(f"grey must be finite, image {bad} is not; the model's weights have diverged")
    values = grey.reshape(len(grey), -1)
    # Counted, not compared with a quantile: none is both above and below tied values.
    counts = np.rint(np.clip(values.mean(axis=1, dtype=np.float64), 0, 1) * values.shape[1])
    brightest = np.argsort(-values, axis=1, kind="stable")
    white = np.zeros(values.shape, np.uint8)
    np.put_along_axis(white, brightest, (np.arange(values.shape[1]) < counts[:, None]).astype(np.uint8), axis=1)
    return white.reshape(grey.shape)
