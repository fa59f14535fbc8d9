"""Table 1 of a campaign as tidy rows: what one method did for one target on one data set."""

from __future__ import annotations

import math
from dataclasses import dataclass

from results.paper import PaperRow, published_row
from results.reach import Reach, TargetReach
from results.truncation import TruncationError

BASELINES = ("random-labels", "nearest-labels")  # methods that learn nothing: what the others are judged by
NEAR_COPIES = 0.5  # of the distance between the labels nearest to the target: designs closer than that are called so


@dataclass(frozen=True)
class TableRow:
    """What one method did for one target; REPs in percent over the designs that could be simulated.

    Attributes
    ----------
    dataset, method, target
        What for.
    minimum_rep, mean_rep, std_rep
        None where a REP does not apply (mean and deviation of a search that yields one design) or where every design
        failed.
    seconds
        That producing the designs took.
    designs, failed
        All designs, and those whose simulation failed.
    truncation
        What the truncation of the data set's labels leaves out, None where that was not estimated.
    reach
        How far the labels of the data set reach, None where that is not known.
    seeds
        Of the runs behind the row.
    labels
        That the method learnt or started from; None where they are not known.
    simulations, label_equivalents
        What the method spent itself, beyond those labels; the second in units of one label's cost.
    mean_achieved
        Mean simulated property of the designs.
    distance
        Mean pairwise pixel distance of the designs, None for a single one.
    copies
        Designs that are the same image as another one before them.
    within_interval
        Share of the designs whose property lies in the 90 % interval that was predicted; None without predictions.
    published
        Whether data set and property are those of the paper, so that its figures may stand beside.
    """

    dataset: str
    method: str
    target: float
    minimum_rep: float | None
    mean_rep: float | None
    std_rep: float | None
    seconds: float
    designs: int
    failed: int = 0
    truncation: TruncationError | None = None
    reach: Reach | None = None
    seeds: tuple[int, ...] = ()
    labels: int | None = None
    simulations: int | None = None
    label_equivalents: float | None = None
    mean_achieved: float | None = None
    distance: float | None = None
    copies: int | None = None
    within_interval: float | None = None
    published: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.failed <= self.designs:
            raise ValueError(f"failed must be from 0 to designs, got {self.failed} of {self.designs} designs")

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
        return published_row(self.dataset, self.method, self.target) if self.published else None


def _ratio(value: float | None, whole: float | None) -> float | None:
    return value / whole if value is not None and whole else None


def if_finite(value: float) -> float | None:
    """A figure as rows hold it: None where every design failed."""
    return float(value) if math.isfinite(value) else None
