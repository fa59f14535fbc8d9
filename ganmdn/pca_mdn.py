"""Baseline of the paper: principal components of the images in place of the GAN's latents."""

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
COMPONENTS = "components.npz"


@dataclass(frozen=True)
class PcaMdn:
    """MDN from the property to the scores of M principal components, and back to pixels.

    Parameters
    ----------
    mdn
        Predicts whitened scores: the paper's network starts from standard deviations about 1.
    mean
        (H, W), mean image.
    components
        (M, H, W), principal components, each scaled by the standard deviation of its scores.
    """

    mdn: MixtureDensityNetwork
    mean: np.ndarray
    components: np.ndarray

    def __post_init__(self) -> None:
        if self.components.shape != (self.mdn.shape.dimension, *self.mean.shape):
            raise ValueError(
                f"components must have shape {(self.mdn.shape.dimension, *self.mean.shape)}, "
                f"got {self.components.shape}"
            )

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        """Draw scores for ``target`` and binarise their reconstructions; see ``InverseModel.design``."""
        scores = sample(self.mdn, target, count, seed).astype(np.float64)  # sums alike on every processor
        grey = self.mean + np.tensordot(scores, self.components, axes=1)
        return Designs(binarise_keeping_fraction(grey))

    def save(self, folder: Path) -> None:
        """See ``InverseModel.save``."""
        folder.mkdir(parents=True, exist_ok=True)
        save_mdn(self.mdn, folder / WEIGHTS)
        np.savez(folder / COMPONENTS, mean=self.mean, components=self.components)

    @classmethod
    def load(cls, folder: Path) -> PcaMdn:
        """Read what ``save`` wrote."""
        with np.load(folder / COMPONENTS, allow_pickle=False) as arrays:
            return cls(load_mdn(folder / WEIGHTS), arrays["mean"], arrays["components"])


def fit_pca_mdn(
    y: np.ndarray,
    images: np.ndarray,
    dimension: int,
    config: MdnTraining,
    seed: np.random.SeedSequence,
    *,
    session: TrainingSession = ALONE,
) -> tuple[PcaMdn, MdnFit]:
    """Fit PCA to ``images``, uint8 (n, H, W), then the MDN to p(scores | y); see ``fit_mdn`` for the rest.

    ``dimension`` is the number of components M; the paper takes as many as the GAN has latent variables.

    Returns
    -------
    tuple
        The inverse model, and how its network was fitted.
    """
    from sklearn.decomposition import PCA  # takes seconds to load; those who fit other models need not wait for it

    rows = binary_rows(images)
    if not 1 <= dimension <= min(rows.shape):
        raise ValueError(f"dimension must lie between 1 and {min(rows.shape)} for {len(rows)} images, got {dimension}")
    state = int(seed.generate_state(1, np.uint32)[0])
    pca = PCA(dimension, whiten=True, svd_solver="randomized", random_state=state)
    fit = fit_mdn(y, pca.fit_transform(rows), config, seed, session=session)
    scale = np.sqrt(pca.explained_variance_)[:, None]
    mean = pca.mean_.reshape(images.shape[1:])
    return PcaMdn(fit.network, mean, (scale * pca.components_).reshape(-1, *mean.shape)), fit
