"""Baseline: principal components in place of the GAN's latent variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.plan.footprint import Footprint
from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.inverse_methods.mdn import MdnConfig, MdnMethod

if TYPE_CHECKING:
    from ganmdn.inverse import Generate
    from ganmdn.mdn_training import MdnFit, MdnTraining
    from ganmdn.pca_mdn import PcaMdn
    from ganmdn.session import TrainingSession


class PcaMethod(MdnMethod):
    """Its MDN predicts components."""

    def learn(
        self,
        config: MdnConfig,
        labels: Mapping[str, np.ndarray],
        training: MdnTraining,
        seed: np.random.SeedSequence,
        session: TrainingSession,
    ) -> tuple[PcaMdn, MdnFit]:
        """As many components as a latent has variables."""
        from ganmdn.pca_mdn import fit_pca_mdn

        return fit_pca_mdn(labels["y"], labels["image"], math.prod(config.latent), training, seed, session=session)

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> PcaMdn:
        """Without a generator."""
        from ganmdn.pca_mdn import PcaMdn

        return PcaMdn.load(folder)

    def footprint(self, config: MdnConfig) -> Footprint:
        """Components lie beside the network."""
        components = 4 * config.image_px**2 * (math.prod(config.latent) + 2)
        return super().footprint(config) + Footprint(components)


METHOD = PcaMethod()
