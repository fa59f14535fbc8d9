"""Latents spread evenly: a scrambled Sobol sequence over the search box."""

from __future__ import annotations

import numpy as np
import torch


def sobol_latents(
    latent_shape: tuple[int, int], low: float, high: float, seed: np.random.SeedSequence, count: int
) -> np.ndarray:
    """The first ``count`` points of the sequence that ``seed`` scrambles; a longer one begins with a shorter one.

    Parameters
    ----------
    latent_shape
        (h, w) of one latent.
    low, high
        The search box, the same in every dimension.

    Returns
    -------
    np.ndarray
        float32, (count, h, w).

    Raises
    ------
    ValueError
        If ``low`` is not below ``high`` or ``count`` is below 1.
    """
    if not low < high:
        raise ValueError(f"low must be below high, got low {low}, high {high}")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    height, width = latent_shape
    state = int(seed.generate_state(1, np.uint32)[0])
    engine = torch.quasirandom.SobolEngine(height * width, scramble=True, seed=state)
    points = engine.draw(count, dtype=torch.float64).numpy()
    return (low + (high - low) * points).astype(np.float32).reshape(count, height, width)
