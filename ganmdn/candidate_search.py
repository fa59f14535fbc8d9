"""Screening: latents of the prior and of a local search, predicted by a forward model and kept in a bank."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ganmdn.candidate_bank import CandidateBank, SpreadCurve
from ganmdn.candidate_choice import PixelDistances, expected_error, keeping_apart
from ganmdn.forward_config import KEPT_EACH, CandidateSearch
from ganmdn.inverse import Generate
from ganmdn.label_table import LabelTable
from ganmdn.ladder import rungs
from ganmdn.latents import draw_latents
from ganmdn.targets import Target

Predict = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From latents (B, h, w) and their images (B, H, W) to expected properties and deviations, (B,) or (B, D) each."""
RoundReport = Callable[[int, int], None]
"""Called with the number of candidates screened so far and of all that will be."""

AT_ONCE = 500  # candidates between reports
RUNGS = 24  # properties that the local search aims at
BEYOND = 0.1  # how far the rungs go beyond the labels, as a share of their range
PARENTS = 60  # candidates of a rung whose latents are moved: its best, without near-copies
AMONG = 1500  # best candidates of a rung, among which parents are looked for
NEAR_COPY = 0.25  # least distance of two parents, as a share of the mean distance that designs should have there
STEPS = (0.03, 0.1, 0.3)  # standard deviations of such moves, as shares of the prior's half width
EVENLY = 0.3  # share of a round's moves that all rungs get alike; the rest goes where the best candidates still miss
KEPT_PROPERTIES = 161  # a bank keeps the best KEPT_EACH candidates for each of so many


class _Screening:
    """Candidates so far."""

    def __init__(self, generate: Generate, predict: Predict, total: int, report: RoundReport | None) -> None:
        self._generate, self._predict, self._total, self._report = generate, predict, total, report
        self._parts: list[tuple[np.ndarray, ...]] = []

    def add(self, z: np.ndarray) -> None:
        """Generate and predict latents (B, h, w)."""
        for start in range(0, len(z), AT_ONCE):
            part = z[start : start + AT_ONCE].astype(np.float32)
            images = self._generate(part)
            self._parts.append((part, images, *self._predict(part, images)))
            if self._report is not None:
                self._report(sum(len(each[0]) for each in self._parts), self._total)

    def columns(self) -> tuple[np.ndarray, ...]:
        """Latents, images, expected properties and deviations of all."""
        return tuple(np.concatenate(column) for column in zip(*self._parts, strict=True))


def screen_candidates(
    labels: LabelTable,
    generate: Generate,
    predict: Predict,
    prior: tuple[float, float],
    search: CandidateSearch,
    seed: np.random.SeedSequence,
    report: RoundReport | None = None,
    aims: Sequence[Target] = (),
) -> CandidateBank:
    """Screen a pool of the prior, then move the latents of the best candidates for properties all over the range.

    Parameters
    ----------
    labels
        What the forward model learnt from; their range is what the search covers and tries to leave.
    generate, predict
        From latents to images, and from both to what is expected of them.
    prior
        (low, high) between which latents are drawn, uniformly.
    seed
        Decides pool and moves.
    aims
        The only targets that there will be: the search is for these, and every candidate is kept.
    """
    screening = _Screening(generate, predict, search.pool + search.rounds * search.children, report)
    pool_seed, move_seed = (np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, key)) for key in (0, 1))
    shape = _latent_shape(labels)
    screening.add(draw_latents(shape, *prior, pool_seed, range(search.pool)))
    middle, half = (prior[0] + prior[1]) / 2, (prior[1] - prior[0]) / 2
    rng = np.random.default_rng(move_seed)
    wanted, spread = aims or [Target.of(value) for value in rungs(labels.y, RUNGS, BEYOND)], SpreadCurve.of(labels)
    for _ in range(search.rounds):
        columns = screening.columns()
        parents = columns[0][_parents(columns, wanted, spread, search.children, rng)]
        steps = half * rng.choice(STEPS, size=(len(parents), *(1,) * len(shape)))
        moved = parents + steps * rng.standard_normal(parents.shape)
        screening.add(middle + half * search.reach * np.clip((moved - middle) / (half * search.reach), -1, 1))
    columns = screening.columns()
    kept = ... if aims else _worth_keeping(columns[2], columns[3], rungs(labels.y, KEPT_PROPERTIES, BEYOND))
    z, images, predicted, deviation = (column[kept] for column in columns)
    return CandidateBank(z, images, predicted, deviation, spread)


def _latent_shape(labels: LabelTable) -> tuple[int, int]:
    if labels.z is None:
        raise ValueError("labels must have latents z for a search among latents, these have none")
    return labels.z.shape[1], labels.z.shape[2]


def _parents(
    columns: tuple[np.ndarray, ...],
    aims: Sequence[Target],
    spread: SpreadCurve,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Indices of ``count`` candidates, drawn for each aim from the best for it that are no near-copies of each other.

    An aim gets the more the worse these still are: the edge of what a generator makes is searched hardest. Were they
    not kept apart, all of an edge's designs would come from one image.
    """
    _, images, predicted, deviation = columns
    distances = PixelDistances(images)
    best, missing = [], []
    for aim in aims:
        errors = expected_error(predicted, deviation, aim)
        rows = np.argsort(errors, kind="stable")[:AMONG]
        rows = rows[keeping_apart(distances.among(rows), PARENTS, NEAR_COPY * spread.wanted(aim))]
        best.append(rows)
        missing.append(errors[rows].mean() + np.finfo(np.float64).tiny)
    shares = EVENLY / len(aims) + (1 - EVENLY) * np.array(missing) / sum(missing)
    counts = np.diff(np.rint(count * np.cumsum(shares)).astype(int), prepend=0)
    return np.concatenate([rng.choice(rows, each) for rows, each in zip(best, counts, strict=True)])


def _worth_keeping(predicted: np.ndarray, deviation: np.ndarray, properties: np.ndarray) -> np.ndarray:
    """Indices, rising, of candidates that are among the best for one of ``properties``."""
    best = [np.argsort(expected_error(predicted, deviation, value), kind="stable")[:KEPT_EACH] for value in properties]
    return np.unique(np.concatenate(best))
