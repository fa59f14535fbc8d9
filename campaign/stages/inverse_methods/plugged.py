"""Methods of somebody else's package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.plan.config import PluggedPart
from campaign.plan.footprint import Footprint
from campaign.spec.base import Seed
from campaign.spec.campaign import Spec
from campaign.spec.plugin import InverseModelConfig, LabelledImages, implementation_of
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.inverse_methods.base import DesignsConfig, InverseMethod, ModelConfig
from campaign.stages.labels import STORE, read_labels
from campaign.stages.seeds import seed_for

if TYPE_CHECKING:
    from ganmdn.inverse import Generate, InverseModel
    from ganmdn.session import TrainingSession


class PluggedConfig(ModelConfig):
    """A model of somebody else's package."""

    seed: Seed
    model: PluggedPart


class Plugged(InverseMethod[PluggedConfig]):
    """Fits with labels and generator; says nothing of its cost or room."""

    def config(self, spec: Spec, dataset: str, method: InverseModelConfig) -> PluggedConfig:
        """The package's block."""
        return PluggedConfig.make(spec, dataset, kind=method.kind, seed=spec.seed, model=PluggedPart.of(method))

    def inputs(self, spec: Spec, dataset: str, method: Any) -> dict[str, str]:
        """Labels and generator."""
        return super().inputs(spec, dataset, method) | {"generator": "generator"}

    def fit(
        self, config: PluggedConfig, inputs: Mapping[str, Path], folder: Path, session: TrainingSession
    ) -> dict[str, Any]:
        """Hand the labels over."""
        from ganmdn.networks import generate_images, load_generator

        generate = partial(generate_images, load_generator(inputs["generator"] / WEIGHTS_FILE))
        seed = seed_for(config.seed, "model", config.kind, config.dataset)
        labels = LabelledImages(**read_labels(inputs["labels"] / STORE))
        implementation_of(config.model.implementation).fit(config.model.options, labels, generate, seed).save(folder)
        return {}

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> InverseModel:
        """With the generator."""
        return implementation_of(str(config.implementation)).load(folder, generator())

    def footprint(self, config: PluggedConfig) -> Footprint:
        """Unknown."""
        return Footprint(2**20, 2)


METHOD = Plugged()
