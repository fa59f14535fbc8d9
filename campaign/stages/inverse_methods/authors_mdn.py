"""The MDN that the authors published, read from their Keras file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.plan.footprint import Footprint
from campaign.spec.campaign import Spec
from campaign.spec.methods import AuthorsMdnBlock
from campaign.stages.inverse_methods.base import DesignsConfig, InverseMethod, ModelConfig

if TYPE_CHECKING:
    from ganmdn.inverse import Generate
    from ganmdn.latent_mdn import LatentMdn
    from ganmdn.session import TrainingSession


class AuthorsMdn(InverseMethod[ModelConfig]):
    """Nothing is learnt; their file counts by content."""

    def config(self, spec: Spec, dataset: str, method: Any) -> ModelConfig:
        """The sizes."""
        return ModelConfig.make(spec, dataset, kind=method.kind)

    def inputs(self, spec: Spec, dataset: str, method: Any) -> dict[str, str]:
        """None."""
        return {}

    def files(self, method: AuthorsMdnBlock) -> dict[str, Path]:
        """Their weights."""
        return {"weights": method.weights}

    def fit(
        self, config: ModelConfig, inputs: Mapping[str, Path], folder: Path, session: TrainingSession
    ) -> dict[str, Any]:
        """Read the authors' Keras file and write our own format."""
        from ganmdn.authors_mdn import load_authors_mdn
        from ganmdn.latent_mdn import WEIGHTS
        from ganmdn.mdn import save_mdn

        save_mdn(load_authors_mdn(inputs["weights"]), folder / WEIGHTS)
        return {}

    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> LatentMdn:
        """With the generator, as the paper's method."""
        from ganmdn.latent_mdn import LatentMdn

        return LatentMdn.load(folder, config.latent, generator(), config.sampling)

    def footprint(self, config: ModelConfig) -> Footprint:
        """Their network."""
        return Footprint(2**20, 2)


METHOD = AuthorsMdn()
