"""Simulate designs, correct each by what that shows, and keep the best: as a run does whose method has ``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campaign.design.candidates import Candidate, CandidateSource
from campaign.design.simulating import Row, Simulate
from ganmdn.inverse import Designs, Generate
from ganmdn.refinement import Budget, Proposals, Tries, next_tries
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
        return np.full(np.shape(self.candidate.predicted), np.nan) if self.row is None else np.asarray(self.row["y"])

    def distance(self, target: Target) -> float:
        """Of the simulated property from a target; infinite without one."""
        distance = float(target.distance(self.y))
        return distance if np.isfinite(distance) else float("inf")


@dataclass(frozen=True)
class Verified:
    """Designs that were kept, the nearest first, and how many simulations they took."""

    attempts: list[Attempt]
    simulations: int


@dataclass(frozen=True)
class RunKnowledge:
    """What a run knows beside the designs.

    Attributes
    ----------
    z, y
        Of its labels: latents (m, h, w) and properties, (m,) or (m, D).
    generate
        Its generator.
    same_physics
        Whether designs are simulated as its labels were; with other orders the same image has another property.
    """

    z: np.ndarray
    y: np.ndarray
    generate: Generate
    same_physics: bool = True


def verify(
    first: Sequence[Candidate], source: CandidateSource, known: RunKnowledge, simulate: Simulate, budget: Budget
) -> Verified:
    """Simulate designs, and correct those that miss what they were made for; see ``ganmdn.refinement``.

    Every round simulates one try for each design that is not within the tolerance, and the nearest try of each is kept.
    What is made writable is moved and simulated as it will be written; what that does to a property, or what other
    orders do, is much alike for neighbours, so the labels that tries are moved by are taken to miss as the first tries
    did. A model without latents is asked again, for a property that is corrected likewise, and the nearest tries of all
    are kept.

    Parameters
    ----------
    first
        The designs to begin with, of ``source`` and for one target.
    simulate
        See ``simulating``.
    budget
        Simulations of a design at most, and the distance from the target at which it is good enough.
    """
    labels_hold = known.same_physics and source.writability.asks_nothing
    target, made = first[0].aim, {candidate.image.tobytes(): candidate for candidate in first}

    def moved(z: np.ndarray) -> np.ndarray:
        found = source.written(Designs(known.generate(z), z), target)
        made.update({each.image.tobytes(): each for each in found if each is not None})
        # An image that was tried is passed over, as one that cannot be written has to be.
        return np.stack([first[0].image if each is None else each.image for each in found])

    proposals = Proposals(_designs(first), _designs(first[:0], like=first[0]))
    tries, tried = Tries.none(proposals.first, np.shape(first[0].predicted)), list[Attempt]()
    labels = known.z, known.y
    while True:
        design, z, images = next_tries(target, proposals, tries, labels, budget, moved)
        if not len(design):
            break
        candidates = [made[image.tobytes()] for image in images]
        rows = simulate([candidate.image for candidate in candidates])
        tried += [Attempt(candidate, row) for candidate, row in zip(candidates, rows, strict=True)]
        y = np.array([attempt.y for attempt in tried])
        tries = Tries.joined(tries, Tries(design, z, images, y[len(tries.y) :]))
        if len(tried) == len(candidates) and not labels_hold:
            labels = known.z, known.y + mean_miss(tried)
        if len(tried) < budget.simulations * len(first) and (first[0].z is None or not np.isfinite(y).all()):
            spare = source.take(len(first), corrected_aim(tried, target, known.y))
            made.update({candidate.image.tobytes(): candidate for candidate in spare})
            proposals = Proposals(proposals.first, _designs(spare, like=first[0]))
    return Verified(_best(tried, tries.design.tolist(), target, budget.tolerance), len(tried))


def _best(tried: Sequence[Attempt], design: Sequence[int], target: Target, tolerance: float) -> list[Attempt]:
    """The nearest try of each design, the best first; as many of all where tries are no moves of a design."""
    nearest = sorted(zip(design, tried, strict=True), key=lambda pair: max(pair[1].distance(target), tolerance))
    of_each = dict(reversed(nearest))  # of one design's the nearest comes last, and stays
    if tried[0].candidate.z is None:
        return [attempt for _, attempt in nearest[: len(of_each)]]
    return [attempt for number, attempt in nearest if attempt is of_each[number]]


def corrected_aim(tried: Sequence[Attempt], target: Target, label_y: np.ndarray) -> Target:
    """What to ask a model for so that its designs land at the target: not far beyond what labels reach."""
    lowest, highest = (np.atleast_1d(part(label_y, axis=0)) for part in (np.min, np.max))
    beyond = BEYOND * (highest - lowest)
    least = lowest - beyond
    if target.size > 1:  # whose misses are weighed by what is wanted of each
        least = np.maximum(least, LEAST * lowest)
    parts = (np.array(part) - mean_miss(tried) for part in (target.low, target.high))
    clipped = (np.where(np.isfinite(part), np.clip(part, least, highest + beyond), part) for part in parts)
    low, high = (tuple(part.tolist()) for part in clipped)
    return Target(low, high)


def mean_miss(tried: Sequence[Attempt]) -> np.ndarray:
    """By how much simulated properties miss what was asked for, (D,); of few, mostly chance, it counts less."""
    misses = [
        np.atleast_1d(attempt.y - attempt.candidate.aim.nearest(attempt.y))
        for attempt in tried
        if np.isfinite(attempt.y).all()
    ]
    return np.sum(misses, axis=0) / (len(misses) + DOUBT)


def _designs(candidates: Sequence[Candidate], like: Candidate | None = None) -> Designs:
    """Candidates as a model's designs, latents not-a-number where they have none; shaped as ``like``."""
    like = like or candidates[0]
    none = np.full((1, 1) if like.z is None else like.z.shape, np.nan)
    z = np.array([none if each.z is None else each.z for each in candidates]).reshape(-1, *none.shape)
    return Designs(np.array([each.image for each in candidates], np.uint8).reshape(-1, *like.image.shape), z)
