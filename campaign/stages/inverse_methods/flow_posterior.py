"""A neural spline flow from the property to the latents, the modern peer of the MDN."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.cost import TYPICAL_EPOCHS
from campaign.plan.footprint import Footprint
from campaign.spec.base import Seed
from campaign.spec.campaign import Spec
from campaign.spec.generator import Latent
from campaign.spec.methods import FlowPosteriorBlock, FlowTune
from campaign.stages.inverse_methods.base import (
    DesignsConfig,
    InverseMethod,
    ModelConfig,
    keep_history,
    not_here,
    tuned,
)
from campaign.stages.labels import STORE, read_labels
from campaign.stages.seeds import seed_for

if TYPE_CHECKING:
    from ganmdn.density_config import FlowTraining
    from ganmdn.epochs import EpochReport
    from ganmdn.flow_posterior import FlowPosterior
    from ganmdn.inverse import Generate
    from ganmdn.session import TrainingSession

TRANSFORM_PASS = 1.3  # work of a label and transformation, beside that of a small mixture density network


class FlowConfig(ModelConfig):
    """Settings, and the prior whose box the flow fills."""

    seed: Seed
    settings: FlowPosteriorBlock
    prior: Latent


class FlowMethod(InverseMethod[FlowConfig]):
    """Latents from properties."""

    steps = "epochs at most"
    config_type, sweep_type = FlowConfig, FlowTune

    def config(self, spec: Spec, dataset: str, method: FlowPosteriorBlock) -> FlowConfig:
        """Network and training."""
        settings = method.as_learnt()
        return FlowConfig.make(spec, dataset, kind=method.kind, seed=spec.seed, settings=settings, prior=spec.latent)

    def workers(self, config: FlowConfig) -> int:
        """As the block says."""
        return config.settings.workers

    def fit(
        self, config: FlowConfig, inputs: Mapping[str, Path], folder: Path, session: TrainingSession
    ) -> dict[str, Any]:
        """Fit to the labels that were simulated without failure."""
        from ganmdn.flow_posterior import fit_flow_posterior

        labels, prior = read_labels(inputs["labels"] / STORE), (config.prior.low, config.prior.high)
        training = flow_training(config.settings, **tuned(inputs))
        seed = seed_for(config.seed, "model", config.kind, config.dataset)
        fitted = fit_flow_posterior(labels["y"], labels["z"], not_here, prior, training, seed, session=session)
        model, history = fitted
        model.save(folder)
        return keep_history(folder, history)

    def try_once(
        self,
        config: FlowConfig,
        labels: Mapping[str, np.ndarray],
        hyperparameters: Mapping[str, Any],
        max_epochs: int,
        report: EpochReport,
    ) -> None:
        """See ``InverseMethod.try_once``."""
        from ganmdn.flow_posterior import fit_flow_posterior

        training = flow_training(config.settings, **hyperparameters, max_epochs=max_epochs)
        prior, seed = (config.prior.low, config.prior.high), seed_for(config.seed, "tuning", "fit", config.kind)
        fit_flow_posterior(labels["y"], labels["z"], not_here, prior, training, seed, report=report)

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> FlowPosterior:
        """With the generator."""
        from ganmdn.flow_posterior import FlowPosterior

        return FlowPosterior.load(folder, config.latent, generator())

    def work(self, config: FlowConfig, labels: int) -> float:
        """Labels that are seen, in as many epochs as there usually are until early stopping."""
        return self.epoch_work(config, labels) * min(TYPICAL_EPOCHS, config.settings.max_epochs)

    def epoch_work(self, config: FlowConfig, labels: int) -> float:
        """Labels that are seen."""
        return TRANSFORM_PASS * config.settings.transforms * labels

    def footprint(self, config: FlowConfig) -> Footprint:
        """Each transformation has a network of two hidden layers, for splines in all dimensions; in float64.

        While it trains, checkpoints hold eight times as many numbers in float32.
        """
        block, dimension = config.settings, math.prod(config.latent)
        weights = block.width * (dimension + block.width + 3 * block.bins * dimension)
        return Footprint(40 * block.transforms * weights + 2**17, 8)


def flow_training(block: FlowPosteriorBlock, **hyperparameters: Any) -> FlowTraining:
    """The block's training, with some of its fields replaced by what a sweep tries or has found."""
    from ganmdn.density_config import FlowTraining

    return FlowTraining(**block.model_dump(include=set(FlowTraining.__dataclass_fields__)) | hyperparameters)


METHOD = FlowMethod()
