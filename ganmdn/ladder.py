"""Properties to aim at all over what labels have: evenly along one property, far apart among several."""

from __future__ import annotations

import numpy as np

LEAST_SHARE = 0.5  # of the least label: errors are relative, so that no rung of several properties comes near to 0


def rungs(y: np.ndarray, count: int, beyond: float = 0.0) -> np.ndarray:
    """Properties over the labels' range and a little beyond.

    Parameters
    ----------
    y
        (n,) or (n, D), finite.
    count
        How many; of several properties at most as many as labels.
    beyond
        How far the rungs leave the labels on either side, as a share of their range.

    Returns
    -------
    np.ndarray
        (count,) rising, or (k, D): labels of which each is the farthest from those before it, moved away from the mean.
    """
    if y.ndim == 1:
        margin = beyond * np.ptp(y)
        return np.linspace(y.min() - margin, y.max() + margin, count)
    scale = np.where(np.ptp(y, axis=0) > 0, np.ptp(y, axis=0), 1.0)
    centre = y.mean(axis=0)
    chosen = [int(np.argmin(np.square((y - centre) / scale).sum(axis=1)))]
    farthest = np.full(len(y), np.inf)
    for _ in range(min(count, len(y)) - 1):
        np.minimum(farthest, np.square((y - y[chosen[-1]]) / scale).sum(axis=1), out=farthest)
        chosen.append(int(np.argmax(farthest)))
    return np.maximum(centre + (1 + 2 * beyond) * (y[chosen] - centre), LEAST_SHARE * y.min(axis=0))
