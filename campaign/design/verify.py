"""Simulate candidates, correct the aim by what came of them, and keep those that land nearest to their target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from campaign.design.candidates import Candidate
from campaign.design.simulating import Row, Simulate
from ganmdn.targets import Target

DOUBT = 3.0  # misses of 0 that are added to those seen
BEYOND = 0.25  # of the labels' range, on either side
LEAST = 0.5  # of the least label of each of several properties


@dataclass(frozen=True)
class Attempt:
    """A candidate with what came of its simulation; None where it was not simulated."""

    candidate: Candidate
    row: Row | None = None

    @property
    def y(self) -> np.ndarray:
        """The simulated property, () or (D,) of several; not-a-number without one."""
        size = self.candidate.aim.size
        return np.full((size,) if size > 1 else (), np.nan) if self.row is None else np.asarray(self.row["y"])

    def distance(self, target: Target) -> float:
        """Of the simulated property from a target; infinite without one."""
        distance = float(target.distance(self.y))
        return distance if np.isfinite(distance) else float("inf")


@dataclass(frozen=True)
class Verified:
    """Designs that were kept, and how many candidates were simulated for them."""

    attempts: list[Attempt]
    simulations: int


def verify(
    first: list[Candidate],
    more: Callable[[int, Target], list[Candidate]],
    simulate: Simulate,
    target: Target,
    rounds: int,
    tolerance: float,
    reach: Target,
) -> Verified:
    """Simulate designs, and replace those that miss by other candidates until all hit.

    Every round simulates one candidate for each design that is not within the tolerance, so that a design takes as
    many simulations as there are rounds at most; the nearest ones of all are kept. A model that misses to one side is
    asked for a property on the other side from the second round on.

    Parameters
    ----------
    first
        The designs to begin with.
    more
        Gives further candidates for a property, as many as there are.
    simulate
        See ``simulating``.
    target
        The wanted property.
    rounds
        At most so many.
    tolerance
        Distance from the target at which a design is good enough.
    reach
        Least and largest of each property of the labels: the aim does not go far beyond.
    """
    count, fresh, tried = len(first), first, list[Attempt]()
    for left in range(rounds, 0, -1):
        rows = simulate([candidate.image for candidate in fresh])
        tried += [Attempt(candidate, row) for candidate, row in zip(fresh, rows, strict=True)]
        missing = count - sum(attempt.distance(target) <= tolerance for attempt in tried)
        if missing <= 0 or left == 1 or not (fresh := more(missing, corrected_aim(tried, target, reach))):
            break
    best = sorted(
        tried, key=lambda attempt: max(attempt.distance(target), tolerance)
    )  # stable: earlier ones come first
    return Verified(best[:count], len(tried))


def corrected_aim(tried: Sequence[Attempt], target: Target, reach: Target) -> Target:
    """What to ask a model for so that its designs land at the target: the target less its mean miss so far.

    The mean of few misses is mostly chance, so it counts less.
    """
    known = [(attempt.y, attempt.candidate.aim) for attempt in tried if np.isfinite(attempt.y).all()]
    if not known:
        return target
    misses = np.array([np.atleast_1d(y - aim.nearest(y)) for y, aim in known])
    beyond = BEYOND * (np.array(reach.high) - reach.low)
    low, high = (np.array(part) - misses.sum(axis=0) / (len(misses) + DOUBT) for part in (target.low, target.high))
    least = np.array(reach.low) - beyond
    if target.size > 1:  # whose misses are weighed by what is wanted of each
        least = np.maximum(least, LEAST * np.array(reach.low))
    clipped = (np.where(np.isfinite(part), np.clip(part, least, reach.high + beyond), part) for part in (low, high))
    low, high = (tuple(part.tolist()) for part in clipped)
    return Target(low, high)
