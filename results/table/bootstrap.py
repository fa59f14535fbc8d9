"""How far a mean REP would move with other designs and other repeats: bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]
RESAMPLES = 2000
QUANTILES = (0.025, 0.975)
SEED = 0  # the same table has the same intervals, whoever makes it


def mean_intervals(reps: Sequence[Sequence[np.ndarray]]) -> tuple[list[Interval | None], Interval | None]:
    """95 % percentile intervals of the mean REP for each target, and of the average over all targets.

    Repeats are drawn with replacement, then designs within each repeat drawn (two-stage bootstrap, Davison and Hinkley
    1997, section 3.8). A draw takes the same repeats for all targets, as a repeat's model serves them all. With one
    repeat the interval says nothing of other seeds; with k of them it holds the share (k - 1) / k of their variance.

    Parameters
    ----------
    reps
        For each target, and each repeat in the same order: REPs of the designs in percent, (n,), finite; n may be 0.

    Returns
    -------
    intervals, average
        None for fewer than two designs; the average is None where one of the targets is.
    """
    rng = np.random.default_rng(SEED)
    count = len(reps[0])
    picks = rng.integers(count, size=(RESAMPLES, count))
    means = [_resampled_means(own, picks, rng) if sum(map(len, own)) > 1 else None for own in reps]
    known = [each for each in means if each is not None]
    average = _interval(np.mean(known, axis=0)) if len(known) == len(means) else None
    return [None if each is None else _interval(each) for each in means], average


def _resampled_means(reps: Sequence[np.ndarray], picks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean of every resample (m,), whose repeats are ``picks`` (m, k); not-a-number where those hold no design."""
    total, count = np.zeros(len(picks)), np.zeros(len(picks))
    for pick in picks.T:
        for number, own in enumerate(reps):
            drawn = np.flatnonzero(pick == number)
            if len(own):
                total[drawn] += own[rng.integers(len(own), size=(len(drawn), len(own)))].sum(axis=1)
                count[drawn] += len(own)
    return np.divide(total, count, out=np.full(len(picks), np.nan), where=count > 0)


def _interval(means: np.ndarray) -> Interval:
    low, high = np.nanquantile(means, QUANTILES)
    return float(low), float(high)
