"""Baseline: MDN from the property straight to pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.inverse_methods.mdn import MdnConfig, MdnMethod

if TYPE_CHECKING:
    from ganmdn.direct_mdn import DirectMdn
    from ganmdn.inverse import Generate
    from ganmdn.mdn_training import MdnFit, MdnTraining
    from ganmdn.session import TrainingSession


class DirectMethod(MdnMethod):
    """Its MDN predicts pixels."""

    def outputs(self, config: MdnConfig) -> int:
        """Pixels."""
        return config.image_px**2

    def learn(
        self,
        config: MdnConfig,
        labels: Mapping[str, np.ndarray],
        training: MdnTraining,
        seed: np.random.SeedSequence,
        session: TrainingSession,
    ) -> tuple[DirectMdn, MdnFit]:
        """Pixels from properties."""
        from ganmdn.direct_mdn import fit_direct_mdn

        return fit_direct_mdn(labels["y"], labels["image"], training, seed, session=session)

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> DirectMdn:
        """Without a generator."""
        from ganmdn.direct_mdn import DirectMdn

        return DirectMdn.load(folder, (config.image_px, config.image_px))


METHOD = DirectMethod()
