"""Random streams by what is computed, never by who computes it or when."""

from __future__ import annotations

import zlib

import numpy as np


def seed_for(root: int, *words: str) -> np.random.SeedSequence:
    """The random stream of what ``words`` name, independent of who computes it and when.

    Parameters
    ----------
    root
        The campaign's seed.
    words
        What is computed, for example ``("latents", "data-i")``.
    """
    return np.random.SeedSequence(root, spawn_key=tuple(zlib.crc32(word.encode()) for word in words))
