"""Drawing latent vectors so that each depends on its own index alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def draw_latents(
    latent_shape: tuple[int, int],
    low: float,
    high: float,
    seed: np.random.SeedSequence,
    indices: Sequence[int] | np.ndarray,
) -> np.ndarray:
    """Draw latents z uniformly from [low, high), one for each index.

    A row is decided by ``seed`` and its index, not by the other indices or their order: any split of the work
    gives the same latents, and a larger data set begins with the smaller one.

    Parameters
    ----------
    latent_shape
        (h, w) of one latent.
    indices
        n whole numbers of at least 0.

    Returns
    -------
    np.ndarray
        float32, (n, h, w).

    Raises
    ------
    ValueError
        If ``low`` is not below ``high`` or an index is negative.
    """
    if not low < high:
        raise ValueError(f"low must be below high, got low {low}, high {high}")
    indices = np.asarray(indices, dtype=np.int64)
    if indices.size and indices.min() < 0:
        raise ValueError(f"indices must be at least 0, got {indices.min()}")
    z = np.empty((len(indices), *latent_shape), dtype=np.float32)
    for row, index in enumerate(indices.tolist()):
        key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))
        z[row] = np.random.Generator(np.random.PCG64(key)).random(latent_shape, dtype=np.float32)
    return low + (high - low) * z
