"""The paper's method: an MDN from the property to the latents, and the generator from the latents to images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganmdn.epochs import ALONE
from ganmdn.inverse import Designs, Generate
from ganmdn.mdn import MixtureDensityNetwork, load_mdn, sample, save_mdn
from ganmdn.mdn_training import MdnFit, MdnTraining, fit_mdn
from ganmdn.mixture import Sampling
from ganmdn.session import TrainingSession
from ganmdn.targets import Target

WEIGHTS = "mdn.pt"


@dataclass(frozen=True)
class LatentMdn:
    """GAN and MDN joined: methods ``gan-mdn`` and, with published weights, ``authors-mdn``.

    Parameters
    ----------
    mdn
        Predicts latents, flattened row by row, from the property.
    latent_shape
        (h, w) of one latent; h x w is the dimension of ``mdn``.
    generate
        The generator. It is not saved: ``load`` is handed it again.
    sampling
        How to draw latents; see ``ganmdn.mixture.Sampling``. Nor is it saved: it is no result of the fit.
    """

    mdn: MixtureDensityNetwork
    latent_shape: tuple[int, int]
    generate: Generate
    sampling: Sampling = "component"

    def __post_init__(self) -> None:
        if self.mdn.shape.dimension != self.latent_shape[0] * self.latent_shape[1]:
            raise ValueError(
                f"latent_shape must hold the network's {self.mdn.shape.dimension} dimensions, got {self.latent_shape}"
            )

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        """Draw latents for ``target`` and generate their images; see ``InverseModel.design``.

        Latents are used as drawn, like the paper's: they may leave the range that the labels were drawn from.
        """
        z = sample(self.mdn, target, count, seed, self.sampling).reshape(count, *self.latent_shape)
        return Designs(self.generate(z), z)

    def save(self, folder: Path) -> None:
        """See ``InverseModel.save``."""
        folder.mkdir(parents=True, exist_ok=True)
        save_mdn(self.mdn, folder / WEIGHTS)

    @classmethod
    def load(
        cls, folder: Path, latent_shape: tuple[int, int], generate: Generate, sampling: Sampling = "component"
    ) -> LatentMdn:
        """Read what ``save`` wrote."""
        return cls(load_mdn(folder / WEIGHTS), latent_shape, generate, sampling)


def fit_latent_mdn(
    y: np.ndarray,
    z: np.ndarray,
    generate: Generate,
    config: MdnTraining,
    seed: np.random.SeedSequence,
    *,
    sampling: Sampling = "component",
    session: TrainingSession = ALONE,
) -> tuple[LatentMdn, MdnFit]:
    """Fit p(z | y) on properties ``y`` (n,) or (n, D) of latents ``z`` (n, h, w); see ``fit_mdn`` for the rest.

    Returns
    -------
    tuple
        The inverse model, and how its network was fitted.
    """
    if z.ndim != 3:
        raise ValueError(f"z must have shape (n, h, w), got {z.shape}")
    fit = fit_mdn(y, z.reshape(len(z), -1), config, seed, session=session)
    return LatentMdn(fit.network, (z.shape[1], z.shape[2]), generate, sampling), fit
