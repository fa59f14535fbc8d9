"""Table 1 of a campaign as tidy rows: what one method did for one target on one data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from results.table.bootstrap import Interval
from results.table.paper import PaperRow, published_row
from results.table.reach import Reach, TargetReach
from results.table.repeats import spread
from results.table.truncation import TruncationError
from results.wanted import Wanted

BASELINES = ("random-labels", "nearest-labels")  # methods that learn nothing: what the others are judged by
NEAR_COPIES = 0.5  # of the distance between the labels nearest to the target: designs closer than that are called so


@dataclass(frozen=True)
class TableRow:
    """What one method did for one target; REPs in percent over the designs, of all repeats, that could be simulated.

    Attributes
    ----------
    dataset, method, target
        What for.
    minimum_rep, mean_rep, std_rep
        None where a REP does not apply (mean and deviation of a search that yields one design) or where every design
        failed.
    seconds
        That producing the designs took, mean of the repeats.
    designs, failed
        All designs of all repeats, and those whose simulation failed.
    truncation
        What the truncation of the data set's labels leaves out, None where that was not estimated.
    reach
        How far the labels of the data set reach, None where that is not known.
    seeds
        Of the repeats behind the row.
    repeat_reps
        Mean REP of the designs of each repeat, in the order of ``seeds``; of a search the best REP. None for a repeat
        all of whose designs failed.
    labels
        That the method learnt or started from; None where they are not known.
    simulations, label_equivalents
        What the method spent itself, beyond those labels, mean of the repeats; the second in units of one label's cost.
    mean_achieved
        Mean of each simulated property over the designs; none where all failed.
    distance
        Mean pairwise pixel distance of the designs of a repeat, mean of the repeats; None for a single design.
    copies
        Designs that are the same image as another one before them in their repeat.
    rep_at_tries
        Least REP to expect of 1, 3, 10 and 30 designs of a repeat (``table.cost.rep_at_tries``), mean of the repeats.
    within_interval
        Share of the designs whose property lies in the 90 % interval that was predicted; None without predictions.
    mean_rep_interval, average_interval
        95 % bootstrap intervals of ``mean_rep``, and of the average over the targets of all rows of the method and data
        set; see ``results.table.bootstrap``.
    published
        Whether data set and property are those of the paper, so that its figures may stand beside.
    """

    dataset: str
    method: str
    target: Wanted
    minimum_rep: float | None
    mean_rep: float | None
    std_rep: float | None
    seconds: float
    designs: int
    failed: int = 0
    truncation: TruncationError | None = None
    reach: Reach | None = None
    seeds: tuple[int, ...] = ()
    repeat_reps: tuple[float | None, ...] = ()
    labels: int | None = None
    simulations: int | None = None
    label_equivalents: float | None = None
    mean_achieved: tuple[float, ...] = ()
    distance: float | None = None
    copies: int | None = None
    within_interval: float | None = None
    rep_at_tries: tuple[float, ...] = ()
    mean_rep_interval: Interval | None = None
    average_interval: Interval | None = None
    published: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.failed <= self.designs:
            raise ValueError(f"failed must be from 0 to designs, got {self.failed} of {self.designs} designs")

    @property
    def spread_rep(self) -> float | None:
        """Standard deviation between repeats of what ``repeat_reps`` holds; None with fewer than two."""
        return spread(self.repeat_reps)

    @property
    def at_target(self) -> TargetReach:
        """What the labels hold for the target, unknown figures None."""
        found = self.reach.at(self.target) if self.reach else None
        return found or TargetReach(self.target, None, None, None)

    @property
    def diversity(self) -> float | None:
        """Distance of the designs over that of the labels: 1 is as different as images of the prior."""
        return _ratio(self.distance, self.reach.distance if self.reach else None)

    @property
    def are_near_copies(self) -> bool:
        """Whether designs are identical, or half as far apart as the labels nearest to the target, or less."""
        share = _ratio(self.distance, self.at_target.nearest_distance)
        return bool(self.copies) or (share is not None and share < NEAR_COPIES)

    @property
    def paper(self) -> PaperRow | None:
        """The paper's figures for the same data set, method and target."""
        number = self.target.number
        return published_row(self.dataset, self.method, number) if self.published and number is not None else None


def search_row(rows: Sequence[TableRow]) -> TableRow:
    """The row of all repeats of a search, which yields one design each, from a row of each repeat.

    The least REP is that of the best design of all.
    """
    best = tuple(row.minimum_rep for row in rows)
    return replace(
        rows[0],
        minimum_rep=min((rep for rep in best if rep is not None), default=None),
        seconds=sum(row.seconds for row in rows) / len(rows),
        designs=sum(row.designs for row in rows),
        failed=sum(row.failed for row in rows),
        seeds=tuple(seed for row in rows for seed in row.seeds),
        repeat_reps=best,
        mean_achieved=tuple(map(fmean, zip(*(row.mean_achieved for row in rows if row.mean_achieved), strict=True))),
    )


def _ratio(value: float | None, whole: float | None) -> float | None:
    return value / whole if value is not None and whole else None


def if_finite(value: float) -> float | None:
    """A figure as rows hold it: None where every design failed."""
    return float(value) if math.isfinite(value) else None
