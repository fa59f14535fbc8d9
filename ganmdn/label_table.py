"""Labelled images as an inverse model keeps them: properties, images and, where there are any, latents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganmdn.inverse import Designs, is_column
from ganmdn.targets import Target

TABLE = "labels.npz"


@dataclass(frozen=True)
class LabelTable:
    """Images whose property is known.

    Parameters
    ----------
    y
        (n,), or (n, D) of several, simulated properties, finite.
    images
        uint8 0/1, (n, H, W).
    z
        (n, h, w), the latents they were generated from; None where they come from elsewhere.
    """

    y: np.ndarray
    images: np.ndarray
    z: np.ndarray | None = None

    def __post_init__(self) -> None:
        Designs(self.images, self.z)
        if not is_column(self.y, len(self.images)) or not len(self.y):
            raise ValueError(f"y must have shape (n,) with n = {len(self.images)} of at least 1, got {self.y.shape}")
        if (bad := ~np.isfinite(self.y.reshape(len(self.y), -1)).all(axis=1)).any():
            raise ValueError(
                f"y must be finite, {int(bad.sum())} of {len(bad)} rows are not "
                f"(first: {int(np.flatnonzero(bad)[0])}); drop the failed simulations first"
            )

    def nearest(self, target: float | Target, count: int) -> np.ndarray:
        """Indices of the ``count`` labels nearest to ``target``, nearest first; of equal ones the earlier first."""
        return np.argsort(Target.of(target).distance(self.y), kind="stable")[: self.checked(count)]

    def checked(self, count: int) -> int:
        """``count`` itself; ValueError where there are not so many labels."""
        if not 1 <= count <= len(self.y):
            raise ValueError(f"count must lie between 1 and the {len(self.y)} labels, got {count}")
        return count

    def designs(self, rows: np.ndarray) -> Designs:
        """The images of ``rows`` as designs, their simulated property as what is predicted of them."""
        z = None if self.z is None else self.z[rows]
        return Designs(self.images[rows], z, self.y[rows], np.zeros_like(self.y[rows]))

    def save(self, folder: Path) -> None:
        """Write into ``folder``, made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        columns: dict[str, Any] = {} if self.z is None else {"z": self.z}
        columns |= {"y": self.y, "images": np.packbits(self.images, axis=-1), "width": self.images.shape[-1]}
        np.savez(folder / TABLE, **columns)

    @classmethod
    def load(cls, folder: Path) -> LabelTable:
        """Read what ``save`` wrote."""
        with np.load(folder / TABLE, allow_pickle=False) as arrays:
            images = np.unpackbits(arrays["images"], axis=-1, count=int(arrays["width"]))
            return cls(arrays["y"], images, arrays.get("z"))
