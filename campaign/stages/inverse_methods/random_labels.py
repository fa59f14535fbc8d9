"""Baseline: labels drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.inverse_methods.label_tables import LabelTableMethod

if TYPE_CHECKING:
    from ganmdn.inverse import Generate
    from ganmdn.label_table import LabelTable
    from ganmdn.random_labels import RandomLabels


class RandomLabelsMethod(LabelTableMethod):
    """Any."""

    def looked_up(self, table: LabelTable) -> RandomLabels:
        """In a table."""
        from ganmdn.random_labels import RandomLabels

        return RandomLabels(table)

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> RandomLabels:
        """The table holds images: no generator is needed."""
        from ganmdn.random_labels import RandomLabels

        return RandomLabels.load(folder)


METHOD = RandomLabelsMethod()
