"""The paper's method: an MDN from the property to the latents, the generator from there to images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.spec.campaign import Spec
from campaign.stages.inverse_methods.base import DesignsConfig, not_here
from campaign.stages.inverse_methods.mdn import MdnConfig, MdnMethod

if TYPE_CHECKING:
    from ganmdn.inverse import Generate
    from ganmdn.latent_mdn import LatentMdn
    from ganmdn.mdn_training import MdnFit, MdnTraining
    from ganmdn.session import TrainingSession


class GanMdn(MdnMethod):
    """Its MDN predicts latents, and is the one that sweeps tune."""

    def inputs(self, spec: Spec, dataset: str) -> dict[str, str]:
        """Labels, and the sweep where there is one."""
        tuning = {} if spec.tune is None else {"tuning": f"tuning/{dataset}"}
        return super().inputs(spec, dataset) | tuning

    def learn(
        self,
        config: MdnConfig,
        labels: Mapping[str, np.ndarray],
        training: MdnTraining,
        seed: np.random.SeedSequence,
        session: TrainingSession,
    ) -> tuple[LatentMdn, MdnFit]:
        """Latents from properties."""
        from ganmdn.latent_mdn import fit_latent_mdn

        return fit_latent_mdn(labels["y"], labels["z"], not_here, training, seed, session=session)

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> LatentMdn:
        """With the generator."""
        from ganmdn.latent_mdn import LatentMdn

        return LatentMdn.load(folder, config.latent, generator(), config.sampling)


METHOD = GanMdn()
