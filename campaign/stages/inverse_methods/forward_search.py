"""Learn the property of an image, screen many latents by that, keep the best: all of it while fitting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.footprint import BLOCK_BYTES, Footprint
from campaign.spec.base import Seed
from campaign.spec.campaign import Spec
from campaign.spec.generator import Latent
from campaign.spec.methods import ForwardSearchBlock, ForwardTune
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.inverse_methods.base import DesignsConfig, InverseMethod, ModelConfig, tuned
from campaign.stages.labels import STORE, read_labels
from campaign.stages.seeds import seed_for

if TYPE_CHECKING:
    from ganmdn.epochs import EpochReport
    from ganmdn.forward_config import ForwardSearchConfig
    from ganmdn.forward_search import ForwardSearch
    from ganmdn.inverse import Generate
    from ganmdn.session import TrainingSession

# In units of ``work``, 2e-5 s on one core of a 2026 cloud machine.
NETWORK_PASS = 23 / (16 * 16 * 3 * 16**2)  # a label, cell of its grid, block and pair of channels, there and back
SCREENED = 150.0  # a candidate of 64 x 64 pixels, generated and predicted
LENGTH_SCALES = 3.5e5  # of the process, fitted to a sample
PROCESS_PER_CUBE = 7.5e-6  # of its labels
MOST_KEPT = 10_000  # candidates of a bank, about


class ForwardSearchModelConfig(ModelConfig):
    """Settings, and the prior of the latents."""

    seed: Seed
    settings: ForwardSearchBlock
    prior: Latent


class ForwardSearchMethod(InverseMethod[ForwardSearchModelConfig]):
    """Leaves a bank of candidates."""

    steps = "steps"
    config_type, sweep_type = ForwardSearchModelConfig, ForwardTune

    def config(self, spec: Spec, dataset: str, method: ForwardSearchBlock) -> ForwardSearchModelConfig:
        """Networks and search."""
        settings = method.as_learnt()
        return ForwardSearchModelConfig.make(
            spec, dataset, kind=method.kind, seed=spec.seed, settings=settings, prior=spec.latent
        )

    def inputs(self, spec: Spec, dataset: str, method: Any) -> dict[str, str]:
        """Labels, and the generator, which makes the candidates."""
        return super().inputs(spec, dataset, method) | {"generator": "generator"}

    def workers(self, config: ForwardSearchModelConfig) -> int:
        """As the block says."""
        return config.settings.workers

    def fit(
        self, config: ForwardSearchModelConfig, inputs: Mapping[str, Path], folder: Path, session: TrainingSession
    ) -> dict[str, Any]:
        """Fit the forward model, screen, and say how well labels are predicted that were not seen."""
        from dataclasses import asdict

        from ganmdn.forward_search import fit_forward_search
        from ganmdn.networks import generate_images, load_generator

        labels, prior = read_labels(inputs["labels"] / STORE), config.prior
        model, quality = fit_forward_search(
            labels["y"],
            labels["z"],
            labels["image"],
            partial(generate_images, load_generator(inputs["generator"] / WEIGHTS_FILE)),
            (prior.low, prior.high),
            search_config(config.settings.model_copy(update=tuned(inputs))),
            seed_for(config.seed, "model", config.kind, config.dataset),
            session=session,
        )
        model.save(folder)
        return {**asdict(quality), "candidates": len(model.bank.z)}

    def try_once(
        self,
        config: ForwardSearchModelConfig,
        labels: Mapping[str, np.ndarray],
        hyperparameters: Mapping[str, Any],
        max_epochs: int,
        report: EpochReport,
    ) -> None:
        """One network of each property, which leaves out a fold; see ``InverseMethod.try_once``."""
        from ganmdn.image_ensemble import try_network

        block = config.settings.model_copy(update={**hyperparameters, "epochs": max_epochs})
        forward, seed = search_config(block).forward, seed_for(config.seed, "tuning", "fit", config.kind)
        properties = list(labels["y"].reshape(len(labels["y"]), -1).T)
        try_network(labels["image"], properties, forward.network, forward.training, seed, report)

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> ForwardSearch:
        """The bank holds images: no generator is needed."""
        from ganmdn.forward_search import ForwardSearch

        return ForwardSearch.load(folder)

    def work(self, config: ForwardSearchModelConfig, labels: int) -> float:
        """Passes of the networks, candidates, and the process's matrix."""
        block = config.settings
        screened = block.pool + block.rounds * block.children
        networks = self.epoch_work(config, labels) * block.members * block.epochs
        candidates = SCREENED * (config.image_px / 64) ** 2 * screened
        return networks + candidates + LENGTH_SCALES + PROCESS_PER_CUBE * labels**3

    def epoch_work(self, config: ForwardSearchModelConfig, labels: int) -> float:
        """Passes of one network, which leaves out a fold."""
        block = config.settings
        cells, seen = (config.image_px // block.cell_px) ** 2, labels * (1 - 1 / block.members)
        return NETWORK_PASS * cells * block.blocks * block.channels**2 * seen

    def footprint(self, config: ForwardSearchModelConfig) -> Footprint:
        """The bank's images and numbers."""
        kept = min(MOST_KEPT, config.settings.pool + config.settings.rounds * config.settings.children)
        return Footprint(kept * (config.image_px**2 // 8 + 100) + 2 * BLOCK_BYTES, 2)


def search_config(block: ForwardSearchBlock) -> ForwardSearchConfig:
    """The spec's block as ``ganmdn`` takes it."""
    from ganmdn.forward_config import (
        CandidateSearch,
        EnsembleTraining,
        ForwardConfig,
        ForwardSearchConfig,
        NetworkShape,
    )

    def taken(config: Any) -> Any:
        return config(**{name: getattr(block, name) for name in config.__dataclass_fields__ if hasattr(block, name)})

    forward = ForwardConfig(network=taken(NetworkShape), training=taken(EnsembleTraining))
    return ForwardSearchConfig(forward, taken(CandidateSearch))


METHOD = ForwardSearchMethod()
