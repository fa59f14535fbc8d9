"""Baseline of the paper: an MDN from the property straight to the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganmdn.epochs import ALONE
from ganmdn.inverse import Designs, binarise_keeping_fraction, binary_rows
from ganmdn.mdn import MixtureDensityNetwork, load_mdn, sample, save_mdn
from ganmdn.mdn_training import MdnFit, MdnTraining, fit_mdn
from ganmdn.session import TrainingSession
from ganmdn.targets import Target

WEIGHTS = "mdn.pt"


@dataclass(frozen=True)
class DirectMdn:
    """The paper's network with a dimension for every pixel, H x W in all.

    Its Gaussians are diagonal, so a drawn image carries independent noise in every pixel: the weakness that
    this baseline is there to show.

    Parameters
    ----------
    mdn
        Predicts pixels, flattened row by row.
    image_shape
        (H, W); H x W is the dimension of ``mdn``.
    """

    mdn: MixtureDensityNetwork
    image_shape: tuple[int, int]

    def __post_init__(self) -> None:
        if self.mdn.shape.dimension != self.image_shape[0] * self.image_shape[1]:
            raise ValueError(
                f"image_shape must hold the network's {self.mdn.shape.dimension} pixels, got {self.image_shape}"
            )

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        """Draw grey images for ``target`` and binarise them; see ``InverseModel.design``."""
        grey = sample(self.mdn, target, count, seed).reshape(count, *self.image_shape)
        return Designs(binarise_keeping_fraction(grey))

    def save(self, folder: Path) -> None:
        """See ``InverseModel.save``."""
        folder.mkdir(parents=True, exist_ok=True)
        save_mdn(self.mdn, folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path, image_shape: tuple[int, int]) -> DirectMdn:
        """Read what ``save`` wrote."""
        return cls(load_mdn(folder / WEIGHTS), image_shape)


def fit_direct_mdn(
    y: np.ndarray,
    images: np.ndarray,
    config: MdnTraining,
    seed: np.random.SeedSequence,
    *,
    session: TrainingSession = ALONE,
) -> tuple[DirectMdn, MdnFit]:
    """Fit p(pixels | y) on ``images``, uint8 (n, H, W); see ``fit_mdn`` for the rest.

    Returns
    -------
    tuple
        The inverse model, and how its network was fitted.
    """
    fit = fit_mdn(y, binary_rows(images), config, seed, session=session)
    return DirectMdn(fit.network, (images.shape[1], images.shape[2])), fit
