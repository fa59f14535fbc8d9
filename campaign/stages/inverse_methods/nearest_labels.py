"""Baseline: the labels nearest to the target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.inverse_methods.label_tables import LabelTableMethod

if TYPE_CHECKING:
    from ganmdn.inverse import Generate
    from ganmdn.label_table import LabelTable
    from ganmdn.nearest_labels import NearestLabels


class NearestLabelsMethod(LabelTableMethod):
    """The nearest."""

    def looked_up(self, table: LabelTable) -> NearestLabels:
        """In a table."""
        from ganmdn.nearest_labels import NearestLabels

        return NearestLabels(table)

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> NearestLabels:
        """The table holds images: no generator is needed."""
        from ganmdn.nearest_labels import NearestLabels

        return NearestLabels.load(folder)


METHOD = NearestLabelsMethod()
