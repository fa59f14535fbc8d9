"""Mixtures of diagonal Gaussians, equation 3 of the paper, and the two ways of drawing from them."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

Sampling = Literal["component", "authors"]
"""``component``: a component for every sample, sigma is the standard deviation (equation 3 of the paper).

``authors``: what the authors' published script does. One component serves all samples of a call, and NumPy's
``multivariate_normal`` is handed sigma where it wants a variance, so the standard deviation is sqrt(sigma).
"""


def gaussian_mixture(logits: torch.Tensor, means: torch.Tensor, sigmas: torch.Tensor) -> MixtureSameFamily:
    """One mixture of K diagonal Gaussians in M dimensions for each of B inputs.

    Parameters
    ----------
    logits
        (B, K), logarithms of the mixing coefficients pi up to a constant a row.
    means, sigmas
        (B, K, M), means and standard deviations, the latter above 0.
    """
    # What a network computes needs no checks, which would cost a fifth of an epoch.
    gaussians = Independent(Normal(means, sigmas, validate_args=False), 1, validate_args=False)
    return MixtureSameFamily(Categorical(logits=logits, validate_args=False), gaussians, validate_args=False)


def sample_mixture(
    mixture: MixtureSameFamily, count: int, seed: np.random.SeedSequence, sampling: Sampling = "component"
) -> np.ndarray:
    """Draw ``count`` samples from the mixture of a single input, or one from each of ``count``, by NumPy's generators.

    Nothing is clipped: like the paper's, samples may leave the box that the training targets came from.

    Returns
    -------
    np.ndarray
        float32, (count, M); the same on every processor where the mixture is in float64.

    Raises
    ------
    ValueError
        If the mixture holds neither one input nor ``count``, ``count`` is below 1 or ``sampling`` is unknown.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    if tuple(mixture.batch_shape) not in ((1,), (count,)):
        raise ValueError(f"sample takes the mixture of 1 or {count} inputs, got {tuple(mixture.batch_shape)}")
    if sampling not in get_args(Sampling):
        raise ValueError(f"sampling must be one of {', '.join(get_args(Sampling))}, got {sampling!r}")
    rng = np.random.default_rng(seed)
    gaussians = mixture.component_distribution
    weights, means, spread = (
        tensor.detach().numpy() for tensor in (mixture.mixture_distribution.probs, gaussians.mean, gaussians.stddev)
    )
    weights = weights.astype(np.float64)
    draws = count if sampling == "component" and len(weights) == 1 else 1
    components = np.concatenate([rng.choice(len(row), size=draws, p=row / row.sum()) for row in weights])
    rows = np.zeros(len(components), np.int64) if len(weights) == 1 else np.arange(count)
    scale = spread[rows, components]
    scale = np.sqrt(scale) if sampling == "authors" else scale
    noise = rng.standard_normal((count, means.shape[2]), dtype=np.float32)
    return (means[rows, components] + scale * noise).astype(np.float32)
