"""The designs of one method for one target, simulated: what a table says of them beside their REP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from results.table.diversity import count_copies, mean_pixel_distance
from results.table.intervals import interval_coverage
from results.table.repeats import mean_known
from results.wanted import Wanted, known

COLUMNS = ("y", "target", "image")  # of a store of designs
PREDICTION = ("predicted", "deviation")  # further ones, of methods that say what their designs will achieve


@dataclass(frozen=True)
class JudgedDesigns:
    """Columns of n designs: simulated ``y``, NaN where that failed, images, and what was predicted, if anything was.

    Shapes are (n,), (n, H, W) of 0 and 1, and (n,) for mean and standard deviation of the prediction. Where there are
    several properties (n, D) stands for (n,).
    """

    y: np.ndarray
    images: np.ndarray
    predicted: np.ndarray | None = None
    deviation: np.ndarray | None = None

    @classmethod
    def of(cls, columns: Mapping[str, np.ndarray], target: Wanted) -> JudgedDesigns:
        """Those for one target among the columns of a store of designs."""
        own = {name: column[target.rows(columns["target"])] for name, column in columns.items()}
        return cls(own["y"], own["image"], *(own.get(name) for name in PREDICTION))

    @property
    def mean_achieved(self) -> tuple[float, ...]:
        """Mean of each simulated property; none where every simulation failed."""
        y = self.y[known(self.y)]
        return tuple(np.atleast_1d(y.mean(axis=0)).tolist()) if len(y) else ()

    @property
    def distance(self) -> float | None:
        """Mean pairwise pixel distance; None for a single design."""
        return mean_pixel_distance(self.images)

    @property
    def copies(self) -> int:
        """Designs that are the same image as one before them."""
        return count_copies(self.images)

    @property
    def within_interval(self) -> float | None:
        """Share whose property lies in the predicted 90 % interval; None without predictions."""
        if self.predicted is None or self.deviation is None:
            return None
        return interval_coverage(self.y, self.predicted, self.deviation)


@dataclass(frozen=True)
class JudgedRepeats:
    """The designs of all repeats of a method for one target; how different they are is asked within each repeat."""

    repeats: tuple[JudgedDesigns, ...]

    @cached_property
    def together(self) -> JudgedDesigns:
        """All of them, repeat by repeat."""
        parts = {name: [getattr(each, name) for each in self.repeats] for name in ("y", "images", *PREDICTION)}
        known = {name: part for name, part in parts.items() if all(each is not None for each in part)}
        return JudgedDesigns(**{name: np.concatenate(part) for name, part in known.items()})

    def reps(self, target: Wanted) -> list[np.ndarray]:
        """REPs of each repeat's designs in percent, (n,), of those whose simulation succeeded."""
        every = [100 * target.relative_error(each.y) for each in self.repeats]
        return [rep[np.isfinite(rep)] for rep in every]

    @property
    def distance(self) -> float | None:
        """Mean pairwise pixel distance within a repeat, mean of the repeats; None for single designs."""
        return mean_known([each.distance for each in self.repeats])

    @property
    def copies(self) -> int:
        """Designs that are the same image as one before them in their repeat."""
        return sum(each.copies for each in self.repeats)
