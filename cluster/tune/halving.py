"""Asynchronous successive halving (Li et al., MLSys 2020): which trials are worth going on with."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np


class Halving:
    """Judges trials in the order in which they reach its rungs; decides as Ray's ASHA with one bracket does.

    A rung is an epoch, ``grace_epochs`` times a power of ``reduction_factor``. A trial that reaches one is stopped
    if it is worse than the quantile 1 - 1/``reduction_factor`` of those that were there before it.
    """

    def __init__(
        self, *, mode: Literal["min", "max"], max_epochs: int, grace_epochs: int, reduction_factor: float
    ) -> None:
        self._sign = 1.0 if mode == "max" else -1.0
        self._max_epochs = max_epochs
        self._percentile = (1 - 1 / reduction_factor) * 100
        count = int(np.log(max_epochs / grace_epochs) / np.log(reduction_factor) + 1)
        # Values of the trials that were there, by their number; the highest rung comes first.
        self._rungs: list[tuple[float, dict[int, float]]] = [
            (grace_epochs * reduction_factor**power, {}) for power in reversed(range(count))
        ]

    def stops(self, trial: int, epoch: int, value: float) -> bool:
        """Whether a trial that has come to ``value`` ends here; one whose value is not finite does."""
        return epoch >= self._max_epochs or not math.isfinite(value) or self._falls_behind(trial, epoch, value)

    def note_end(self, trial: int, epoch: int, value: float) -> None:
        """Keep the last value of a trial that ended, for those that come later."""
        if math.isfinite(value):
            self._falls_behind(trial, epoch, value)

    def _falls_behind(self, trial: int, epoch: int, value: float) -> bool:
        for milestone, reached in self._rungs:
            if epoch >= milestone and trial not in reached:
                cutoff = np.percentile(list(reached.values()), self._percentile) if reached else -math.inf
                reached[trial] = self._sign * value
                return bool(reached[trial] < cutoff)
        return False
