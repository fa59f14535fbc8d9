"""Mixtures of diagonal Gaussians: log-likelihood, moments and the two ways of drawing from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch

Sampling = Literal["component", "authors"]
"""``component``: a component for every sample, sigma is the standard deviation (equation 3 of the paper).

``authors``: what the authors' published script does. One component serves all samples of a call, and NumPy's
``multivariate_normal`` is handed sigma where it wants a variance, so the standard deviation is sqrt(sigma).
"""

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def log_density(targets: torch.Tensor, means: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Log density of diagonal Gaussians, phi of equation 3 in the paper.

    Parameters
    ----------
    targets, means, sigmas
        Broadcastable tensors whose last axis is the M dimensions; sigmas are standard deviations, above 0.

    Returns
    -------
    torch.Tensor
        The broadcast shape without its last axis.
    """
    deviation = (targets - means) / sigmas
    # The constant stays out of the sum: over thousands of dimensions float32 would spend its digits on it.
    return -(0.5 * deviation.square() + sigmas.log()).sum(-1) - HALF_LOG_TWO_PI * means.shape[-1]


@dataclass(frozen=True)
class GaussianMixture:
    """One mixture of K diagonal Gaussians in M dimensions for each of B inputs.

    Parameters
    ----------
    log_weights
        (B, K), logarithm of the mixing coefficients pi; each row's exponentials sum to 1.
    means, sigmas
        (B, K, M), means and standard deviations.
    """

    log_weights: torch.Tensor
    means: torch.Tensor
    sigmas: torch.Tensor

    def __post_init__(self) -> None:
        if self.means.ndim != 3 or self.means.shape != self.sigmas.shape:
            raise ValueError(
                "means and sigmas must both have shape (B, K, M), "
                f"got {tuple(self.means.shape)} and {tuple(self.sigmas.shape)}"
            )
        if self.log_weights.shape != self.means.shape[:2]:
            raise ValueError(
                f"log_weights must have shape (B, K) = {tuple(self.means.shape[:2])}, "
                f"got {tuple(self.log_weights.shape)}"
            )

    def log_prob(self, targets: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of ``targets`` (B, M) under each row's mixture, (B,)."""
        densities = log_density(targets[:, None, :], self.means, self.sigmas)
        return torch.logsumexp(self.log_weights + densities, dim=1)

    def mean(self) -> torch.Tensor:
        """Expected value, (B, M)."""
        return torch.einsum("bk,bkm->bm", self.log_weights.exp(), self.means)

    def variance(self) -> torch.Tensor:
        """Variance of each dimension, (B, M), by the law of total variance."""
        second_moments = self.sigmas.square() + self.means.square()
        return torch.einsum("bk,bkm->bm", self.log_weights.exp(), second_moments) - self.mean().square()

    def sample(self, count: int, seed: np.random.SeedSequence, sampling: Sampling = "component") -> np.ndarray:
        """Draw ``count`` samples from the mixture of a single input.

        Nothing is clipped: like the paper's, samples may leave the box that the training targets came from.

        Returns
        -------
        np.ndarray
            float32, (count, M).

        Raises
        ------
        ValueError
            If the mixture holds more than one input, ``count`` is below 1 or ``sampling`` is unknown.
        """
        if len(self.means) != 1:
            raise ValueError(f"sample takes the mixture of one input, got {len(self.means)}; index it first")
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        if sampling not in get_args(Sampling):
            raise ValueError(f"sampling must be one of {', '.join(get_args(Sampling))}, got {sampling!r}")
        rng = np.random.default_rng(seed)
        weights = self.log_weights[0].detach().double().exp().numpy()
        draws = count if sampling == "component" else 1
        components = rng.choice(len(weights), size=draws, p=weights / weights.sum())
        means = self.means[0].detach().numpy()[components]
        spread = self.sigmas[0].detach().numpy()[components]
        if sampling == "authors":
            spread = np.sqrt(spread)
        noise = rng.standard_normal((count, means.shape[1]), dtype=np.float32)
        return means + spread * noise
