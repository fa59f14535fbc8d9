"""Baseline: labels drawn at random. What no model at all gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganmdn.inverse import Designs
from ganmdn.label_table import LabelTable
from ganmdn.targets import Target


@dataclass(frozen=True)
class RandomLabels:
    """Designs are simulated images that know nothing of the target."""

    table: LabelTable

    def __len__(self) -> int:
        """Designs that it can choose from."""
        return len(self.table.y)

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        """``count`` different labels; see ``InverseModel.design``."""
        chosen = np.random.default_rng(seed).choice(len(self.table.y), self.table.checked(count), replace=False)
        return self.table.designs(chosen)

    def save(self, folder: Path) -> None:
        """See ``InverseModel.save``."""
        self.table.save(folder)

    @classmethod
    def load(cls, folder: Path) -> RandomLabels:
        """Read what ``save`` wrote."""
        return cls(LabelTable.load(folder))
