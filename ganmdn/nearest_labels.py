"""Baseline: the labels whose property is nearest to the target. What a table gives, a model must beat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganmdn.inverse import Designs
from ganmdn.label_table import LabelTable
from ganmdn.targets import Target


@dataclass(frozen=True)
class NearestLabels:
    """No model at all: designs are simulated images, looked up."""

    table: LabelTable

    def __len__(self) -> int:
        """Designs that it can choose from."""
        return len(self.table.y)

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        """The ``count`` nearest labels, whatever the seed; see ``InverseModel.design``."""
        return self.table.designs(self.table.nearest(target, count))

    def save(self, folder: Path) -> None:
        """See ``InverseModel.save``."""
        self.table.save(folder)

    @classmethod
    def load(cls, folder: Path) -> NearestLabels:
        """Read what ``save`` wrote."""
        return cls(LabelTable.load(folder))
