"""What every inverse model has in common: a target property in, designs out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from ganmdn.microstructures import threshold_at_fraction

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
    """

    images: np.ndarray
    z: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 3 or self.images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 of shape (n, H, W), got {self.images.dtype} {self.images.shape}")
        if self.images.size and self.images.max() > 1:
            raise ValueError(f"images must hold 0 and 1 only, got {self.images.max()}")
        if self.z is not None and (self.z.ndim != 3 or len(self.z) != len(self.images)):
            raise ValueError(f"z must have shape (n, h, w) with n = {len(self.images)}, got {self.z.shape}")


@runtime_checkable
class InverseModel(Protocol):
    """A fitted inverse model; each class also has ``load``, which reads what ``save`` wrote."""

    def design(self, target: float, count: int, seed: np.random.SeedSequence) -> Designs:
        """Propose ``count`` microstructures for the property ``target``; the same arguments, the same designs."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``, made if need be, as arrays and weights: no pickled objects."""
        ...


def binary_rows(images: np.ndarray) -> np.ndarray:
    """Labelled images as rows of pixels: uint8 0/1 (n, H, W) to float32 (n, H x W).

    Raises
    ------
    ValueError
        If they are not 0/1 images of that shape.
    """
    return Designs(images).images.reshape(len(images), -1).astype(np.float32)


def binarise_keeping_fraction(grey: np.ndarray) -> np.ndarray:
    """Reconstructions of 0/1 images, (n, H, W), to 0/1 images with the same mean: as much white as was predicted.

    The paper does not say how its baselines binarise. A fixed threshold of 0.5 darkens what PCA has smoothed (31 %
    white became 19 %) and Otsu's whitens it (46 %); either moves the absorption away from the target.
    """
    fractions = np.clip(grey.mean(axis=(1, 2)), 0.0, 1.0)
    return np.stack([threshold_at_fraction(image, share) for image, share in zip(grey, fractions, strict=True)])
