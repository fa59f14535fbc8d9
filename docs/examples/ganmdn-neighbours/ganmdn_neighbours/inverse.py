"""An inverse model without training: it remembers the labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from campaign.plugin import Generate, LabelledImages
from ganmdn.inverse import Designs

ARRAYS_FILE, OPTIONS_FILE = "labels.npz", "options.json"


@dataclass(frozen=True)
class NeighbourModel:
    """Labels y (n,) with latents z (n, h, w), and the generator."""

    y: np.ndarray
    z: np.ndarray
    neighbours: int
    generate: Generate

    @classmethod
    def fit(
        cls, options: Mapping[str, Any], labels: LabelledImages, generate: Generate, seed: np.random.SeedSequence
    ) -> NeighbourModel:
        """Nothing is random and nothing is learnt."""
        return cls(labels.y, labels.z, options["neighbours"], generate)

    def design(self, target: float, count: int, seed: np.random.SeedSequence) -> Designs:
        """Images of latents between two of the nearest labels."""
        random = np.random.default_rng(seed)
        nearest = self.z[np.argsort(np.abs(self.y - target), kind="stable")[: self.neighbours]]
        first, second = (nearest[random.integers(len(nearest), size=count)] for _ in range(2))
        share = random.random((count, 1, 1), dtype=np.float32)
        z = (first + share * (second - first)).astype(np.float32)
        return Designs(self.generate(z), z)

    def save(self, folder: Path) -> None:
        """Arrays and JSON: no pickles."""
        np.savez(folder / ARRAYS_FILE, y=self.y, z=self.z)
        (folder / OPTIONS_FILE).write_text(json.dumps({"neighbours": self.neighbours}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, generate: Generate) -> NeighbourModel:
        """Read what ``save`` wrote."""
        options = json.loads((folder / OPTIONS_FILE).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS_FILE) as arrays:
            return cls(arrays["y"], arrays["z"], options["neighbours"], generate)
