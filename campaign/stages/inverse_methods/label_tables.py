"""What the two baselines share that look designs up among the labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.plan.footprint import BLOCK_BYTES, Footprint
from campaign.spec.base import Count
from campaign.spec.campaign import Spec
from campaign.stages.inverse_methods.base import InverseMethod, ModelConfig
from campaign.stages.labels import STORE, read_labels

if TYPE_CHECKING:
    from ganmdn.inverse import InverseModel
    from ganmdn.label_table import LabelTable
    from ganmdn.session import TrainingSession


class LabelTableConfig(ModelConfig):
    """How many labels it holds, failed ones included."""

    labels: Count


class LabelTableMethod(InverseMethod[LabelTableConfig]):
    """Keeps the labels as a table."""

    def config(self, spec: Spec, dataset: str, method: Any) -> LabelTableConfig:
        """All labels."""
        return LabelTableConfig.make(spec, dataset, kind=method.kind, labels=spec.labels.count)

    def fit(
        self, config: LabelTableConfig, inputs: Mapping[str, Path], folder: Path, session: TrainingSession
    ) -> dict[str, Any]:
        """Take over the labels that were simulated without failure."""
        from ganmdn.label_table import LabelTable

        labels = read_labels(inputs["labels"] / STORE)
        self.looked_up(LabelTable(labels["y"], labels["image"], labels["z"])).save(folder)
        return {}

    @abstractmethod
    def looked_up(self, table: LabelTable) -> InverseModel:
        """The model that looks designs up in a table."""

    def footprint(self, config: LabelTableConfig) -> Footprint:
        """The labels."""
        return Footprint(config.labels * (config.image_px**2 // 8 + 100) + BLOCK_BYTES, 2)
