"""What the three methods that train a mixture density network share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.cost import TYPICAL_EPOCHS, fitting_work
from campaign.plan.footprint import Footprint
from campaign.spec.base import Seed
from campaign.spec.campaign import Spec
from campaign.spec.methods import MdnTrainingBlock
from campaign.stages.inverse_methods.base import InverseMethod, ModelConfig, keep_history, tuned
from campaign.stages.labels import STORE, read_labels
from campaign.stages.mdn_training import mdn_training
from campaign.stages.seeds import seed_for

if TYPE_CHECKING:
    from ganmdn.inverse import InverseModel
    from ganmdn.mdn_training import MdnFit, MdnTraining
    from ganmdn.session import TrainingSession

CHECKPOINTED = 9  # the model's weights, and while it trains two checkpoints of them, of Adam's moments and of the best


class MdnConfig(ModelConfig):
    """A mixture density network that is fitted here."""

    seed: Seed
    mdn: MdnTrainingBlock


class MdnMethod(InverseMethod[MdnConfig]):
    """Trains a mixture density network, with what a sweep has found where there was one."""

    steps = "epochs at most"

    def config(self, spec: Spec, dataset: str, method: Any) -> MdnConfig:
        """The block ``mdn``."""
        return MdnConfig.make(spec, dataset, kind=method.kind, seed=spec.seed, mdn=spec.mdn)

    def workers(self, config: MdnConfig) -> int:
        """As the block says."""
        return config.mdn.workers

    def fit(
        self, config: MdnConfig, inputs: Mapping[str, Path], folder: Path, session: TrainingSession
    ) -> dict[str, Any]:
        """Fit to the labels that were simulated without failure."""
        training = mdn_training(config.mdn, **tuned(inputs))
        seed = seed_for(config.seed, "model", config.kind, config.dataset)
        model, history = self.learn(config, read_labels(inputs["labels"] / STORE), training, seed, session)
        model.save(folder)
        return keep_history(folder, history)

    @abstractmethod
    def learn(
        self,
        config: MdnConfig,
        labels: Mapping[str, np.ndarray],
        training: MdnTraining,
        seed: np.random.SeedSequence,
        session: TrainingSession,
    ) -> tuple[InverseModel, MdnFit]:
        """The inverse model that ``labels`` give, and how its network was fitted."""

    def outputs(self, config: MdnConfig) -> int:
        """Dimensions of what the network predicts."""
        return math.prod(config.latent)

    def work(self, config: MdnConfig, labels: int) -> float:
        """Labels that are seen, in as many epochs as there usually are until early stopping."""
        return self.epoch_work(config, labels) * min(TYPICAL_EPOCHS, config.mdn.max_epochs)

    def epoch_work(self, config: MdnConfig, labels: int) -> float:
        """Labels that are seen."""
        return fitting_work(config.mdn, self.outputs(config), labels, 1)

    def footprint(self, config: MdnConfig) -> Footprint:
        """The network's heads hold nearly all of its weights."""
        mdn = config.mdn
        weights = 4 * (mdn.width + 1) * mdn.components * (2 * self.outputs(config) + 1)
        return Footprint(weights * CHECKPOINTED + 2**16, 8)
