"""A local search: a pure function of what is known so far, so that an interrupted search goes on as it was."""

from __future__ import annotations

import numpy as np


def suggest(
    z: np.ndarray,
    y: np.ndarray,
    target: float,
    count: int,
    seed: np.random.SeedSequence,
    low: float,
    high: float,
    *,
    step: float,
) -> np.ndarray:
    """The next latents (count, M): around the best of z (n, M), ever closer as n grows."""
    random = np.random.default_rng(seed)
    error = np.where(np.isfinite(y), np.abs(y - target), np.inf)
    best = z[int(np.argmin(error))]
    size = step * (high - low) / np.sqrt(len(z))
    return np.clip(best + size * random.standard_normal((count, z.shape[1])), low, high)
