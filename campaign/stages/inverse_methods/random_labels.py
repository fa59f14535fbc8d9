"""Baseline: labels drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.plan.config import prior_labels
from campaign.spec.campaign import Spec
from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.inverse_methods.label_tables import LabelTableConfig, LabelTableMethod

if TYPE_CHECKING:
    from ganmdn.inverse import Generate
    from ganmdn.label_table import LabelTable
    from ganmdn.random_labels import RandomLabels


class RandomLabelsMethod(LabelTableMethod):
    """Any of the prior's."""

    def config(self, spec: Spec, dataset: str, method: Any) -> LabelTableConfig:
        """Those that were drawn at random."""
        return LabelTableConfig.make(spec, dataset, kind=method.kind, labels=spec.labels.of_prior)

    def inputs(self, spec: Spec, dataset: str, method: Any) -> dict[str, str]:
        """Labels that were drawn at random."""
        return {"labels": prior_labels(spec, dataset)}

    def looked_up(self, table: LabelTable) -> RandomLabels:
        """In a table."""
        from ganmdn.random_labels import RandomLabels

        return RandomLabels(table)

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> RandomLabels:
        """The table holds images: no generator is needed."""
        from ganmdn.random_labels import RandomLabels

        return RandomLabels.load(folder)


METHOD = RandomLabelsMethod()
