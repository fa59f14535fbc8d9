"""Choosing designs among candidates whose property is predicted: least expected error, with their spread kept."""

from __future__ import annotations

from copy import copy
from typing import Protocol

import numpy as np
from scipy.special import erf

from ganmdn.targets import Target

# Least distance between two designs, as a share of the wanted mean distance: tried in turn until the mean is kept.
# The first already rules out near-copies; steps are small, since what is wider apart than asked misses by more.
LEAST_DISTANCES = tuple(np.linspace(0.2, 1.0, 17).tolist())


def expected_error(predicted: np.ndarray, deviation: np.ndarray, target: float | Target) -> np.ndarray:
    """Expected distance from a target, (n,), for y normally distributed about ``predicted`` with a ``deviation``.

    Of one value the mean of a folded normal distribution (Leone et al., Technometrics 3, 543 (1961), equation 2). Both
    may be (n,) or (n, D).
    """
    target = Target.of(target)
    sigma = np.maximum(deviation, 1e-12)
    if target.number is not None:
        return _folded_mean(np.abs(predicted - target.number), sigma)
    rows, sigma = predicted.reshape(len(predicted), -1), sigma.reshape(len(predicted), -1)
    low, high = np.array(target.low), np.array(target.high)
    misses = np.where(np.isfinite(low), low - rows, 0.0), np.where(np.isfinite(high), rows - high, 0.0)
    below, above = ((_folded_mean(np.abs(miss), sigma) + miss) / 2 for miss in misses)  # E max(miss, 0)
    return (target.weights[0] * below + target.weights[1] * above).sum(axis=1)


def _folded_mean(distance: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    ratio = distance / (np.sqrt(2) * sigma)
    return sigma * np.sqrt(2 / np.pi) * np.exp(-(ratio**2)) + distance * erf(ratio)


def pixel_distances(images: np.ndarray) -> np.ndarray:
    """Share of pixels in which each two of the 0/1 images (n, H, W) differ, float32 (n, n)."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    white = rows.sum(axis=1)
    return (white[:, None] + white - 2 * (rows @ rows.T)) / rows.shape[1]


class Distances(Protocol):
    """Rows of a matrix (n, n) of distances, as an array gives them."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> np.ndarray: ...


class PixelDistances:
    """:func:`pixel_distances` a row at a time: of thousands of images few rows are asked for.

    Parameters
    ----------
    images
        0/1, (n, H, W).
    """

    def __init__(self, images: np.ndarray) -> None:
        bits = np.packbits(images.reshape(len(images), -1), axis=1)
        self._words = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)
        self._pixels, self._rows = images[0].size, dict[int, np.ndarray]()

    def among(self, rows: np.ndarray) -> PixelDistances:
        """The same between the images ``rows``, in that order."""
        part = copy(self)
        part._words, part._rows = self._words[rows], {}
        return part

    def __len__(self) -> int:
        """Images."""
        return len(self._words)

    def __getitem__(self, row: int) -> np.ndarray:
        """From image ``row`` to each, float32 (n,)."""
        if row not in self._rows:
            differing = np.bitwise_count(self._words ^ self._words[row]).sum(axis=1, dtype=np.int64)
            self._rows[row] = differing.astype(np.float32) / self._pixels
        return self._rows[row]


def mean_distance(distances: np.ndarray) -> float:
    """Mean over pairs of different images of ``pixel_distances``; 0 for a single image."""
    count = len(distances)
    return float(distances.sum() / (count * (count - 1))) if count > 1 else 0.0


def choose_spread(distances: Distances, count: int, wanted: float) -> np.ndarray:
    """The first ``count`` candidates, best first, that keep apart so far that their mean distance is ``wanted``.

    Candidates are taken in their order, leaving out whatever comes too near to one taken before; how near that is
    rises until the mean is reached. Where it cannot be, the choice with the largest mean is returned, and
    where so many do not keep apart at all, the first ``count``.

    Parameters
    ----------
    distances
        Of n candidates ordered from the best to the worst, n at least ``count``.
    wanted
        Mean distance of different designs.

    Returns
    -------
    np.ndarray
        Indices, (count,), rising.
    """
    best = np.arange(count)
    for share in LEAST_DISTANCES:
        chosen = keeping_apart(distances, count, share * wanted)
        if len(chosen) < count:
            break
        best = chosen
        if mean_distance(np.stack([distances[row][chosen] for row in chosen.tolist()])) >= wanted:
            break
    return best


def keeping_apart(distances: Distances, count: int, least: float) -> np.ndarray:
    """Indices of the first candidates, ``count`` at most, that differ by ``least`` or more from all taken before."""
    nearest = np.full(len(distances), np.inf)
    chosen: list[int] = []
    start = 0
    while len(chosen) < count and start < len(nearest):
        candidate = start + int(np.argmax(nearest[start:] >= least))
        if nearest[candidate] < least:
            break
        chosen.append(candidate)
        np.minimum(nearest, distances[candidate], out=nearest)
        start = candidate + 1
    return np.array(chosen, dtype=np.int64)
