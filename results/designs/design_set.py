"""Microstructures on their way from one stage to the next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from results.designs.packed_images import unpack_images


@dataclass(frozen=True)
class DesignSet:
    """Microstructures waiting for their simulation: a folder of ``.npy`` columns, read through memory maps.

    Columns share their first axis: ``z`` (n, h, w), ``image`` packed bits (n, px * px / 8), and any further inputs
    that a store should keep with its rows.
    """

    columns: Mapping[str, np.ndarray]

    @classmethod
    def open(cls, folder: Path) -> DesignSet:
        """Map the columns of ``folder``; nothing is read before it is used."""
        return cls({path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))})

    def save(self, folder: Path) -> None:
        """Write every column to ``folder``, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, column in self.columns.items():
            np.save(folder / f"{name}.npy", column)

    def rows(self, rows: slice) -> dict[str, np.ndarray]:
        """A slice of every column, read into memory; ``image`` unpacked to uint8 (n, px, px)."""
        columns = {name: np.asarray(column[rows]) for name, column in self.columns.items()}
        return {**columns, "image": unpack_images(columns["image"], self.image_px)}

    @property
    def image_px(self) -> int:
        """Side of the images; a multiple of 32, so that whole bytes hold them."""
        return math.isqrt(self.columns["image"].shape[1] * 8)

    @property
    def images(self) -> np.ndarray:
        """All images, uint8 (n, px, px)."""
        return self.rows(slice(None))["image"]

    def __len__(self) -> int:
        return len(self.columns["image"])
