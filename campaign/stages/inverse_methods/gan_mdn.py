"""The paper's method: an MDN from the property to the latents, the generator from there to images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.spec.campaign import Spec
from campaign.spec.methods import Tune
from campaign.stages.inverse_methods.base import DesignsConfig, not_here
from campaign.stages.inverse_methods.mdn import MdnConfig, MdnMethod
from campaign.stages.mdn_training import mdn_training
from campaign.stages.seeds import seed_for

if TYPE_CHECKING:
    from ganmdn.epochs import EpochReport
    from ganmdn.inverse import Generate
    from ganmdn.latent_mdn import LatentMdn
    from ganmdn.mdn_training import MdnFit, MdnTraining
    from ganmdn.session import TrainingSession


class GanMdn(MdnMethod):
    """Its MDN predicts latents, and is the one that sweeps tune."""

    config_type, sweep_type = MdnConfig, Tune

    def sweep(self, spec: Spec, method: Any) -> Tune | None:
        """That of the spec's block ``mdn``."""
        return spec.tune

    def try_once(
        self,
        config: MdnConfig,
        labels: Mapping[str, np.ndarray],
        hyperparameters: Mapping[str, Any],
        max_epochs: int,
        report: EpochReport,
    ) -> None:
        """See ``InverseMethod.try_once``."""
        from ganmdn.mdn_training import fit_mdn

        training = mdn_training(config.mdn, **hyperparameters, max_epochs=max_epochs)
        z, seed = labels["z"].reshape(len(labels["z"]), -1), seed_for(config.seed, "tuning", "fit")
        fit_mdn(labels["y"], z, training, seed, report)

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
