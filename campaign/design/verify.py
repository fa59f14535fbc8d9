"""Simulate candidates, correct the aim by what came of them, and keep those that land nearest to their target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from campaign.design.candidates import Candidate
from campaign.design.simulating import Row, Simulate

DOUBT = 3.0  # misses of 0 that are added to those seen
BEYOND = 0.25  # of the labels' range, on either side


@dataclass(frozen=True)
class Attempt:
    """A candidate with what came of its simulation; None where it was not simulated."""

    candidate: Candidate
    row: Row | None = None

    @property
    def y(self) -> float:
        """The simulated property; not-a-number without one."""
        return float("nan") if self.row is None else float(self.row["y"])

    def distance(self, target: float) -> float:
        """Of the simulated property from a target; infinite without one."""
        return abs(self.y - target) if np.isfinite(self.y) else float("inf")


@dataclass(frozen=True)
class Verified:
    """Designs that were kept, and how many candidates were simulated for them."""

    attempts: list[Attempt]
    simulations: int


def verify(
    first: list[Candidate],
    more: Callable[[int, float], list[Candidate]],
    simulate: Simulate,
    target: float,
    rounds: int,
    tolerance: float,
    reach: tuple[float, float],
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
        Least and largest property of the labels: the aim does not go far beyond.
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


def corrected_aim(tried: Sequence[Attempt], target: float, reach: tuple[float, float]) -> float:
    """What to ask a model for so that its designs land at the target: the target less its mean miss so far.

    The mean of few misses is mostly chance, so it counts less.
    """
    misses = np.array([attempt.y - attempt.candidate.aim for attempt in tried if np.isfinite(attempt.y)])
    if not len(misses):
        return target
    beyond = BEYOND * (reach[1] - reach[0])
    aim = target - misses.sum() / (len(misses) + DOUBT)
    return float(np.clip(aim, reach[0] - beyond, reach[1] + beyond))
