"""How good a generator is, in numbers that stand beside the table whose designs it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class JudgedGenerator:
    """Images of one data set beside microstructures that were held out from the training.

    Attributes
    ----------
    dataset
        Whose size the images have.
    images
        How many there are in each set that was compared.
    sets
        Over how many sets of them the rest are means.
    distance, floor
        By name of the statistic: how far the sets are apart, and how far two held-out sets are.
    similarity
        Share of pixels in which two generated images agree, over that of held-out ones.
    """

    dataset: str
    images: int
    sets: int
    distance: Mapping[str, float]
    floor: Mapping[str, float]
    similarity: float
