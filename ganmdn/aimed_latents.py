"""A second round of labels: latents that a quick forward model of the first round expects near the targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganmdn.candidate_search import RoundReport, screen_candidates
from ganmdn.diffraction import DiffractionOrders
from ganmdn.feature_process import FeatureProcess
from ganmdn.forward_config import CandidateSearch, ProcessTraining
from ganmdn.forward_model import process_inputs
from ganmdn.inverse import Generate
from ganmdn.label_table import LabelTable
from ganmdn.latent_process import columns_of
from ganmdn.targets import Target

ORDERS, TRAINING = DiffractionOrders(), ProcessTraining()
CANDIDATES_PER_LATENT = 10  # the best, among which their spread is looked for


def aim_latents(
    labels: LabelTable,
    generate: Generate,
    prior: tuple[float, float],
    targets: Sequence[Target],
    count: int,
    seed: np.random.SeedSequence,
    report: RoundReport | None = None,
) -> np.ndarray:
    """Latents whose images should have properties near the targets, as many for each, unlike each other.

    A Gaussian process on latents and diffraction features learns each property of the labels; candidates are of the
    prior and of a local search for the targets. Those of least expected error are taken that keep the spread of the
    labels nearest to the target; none serves two targets.

    Parameters
    ----------
    labels
        Of the first round, with latents.
    generate
        The generator.
    prior
        (low, high) between which latents are drawn, and kept.
    targets
        What is aimed at, in turn.
    count
        Latents wanted, for all targets together.
    seed
        Decides everything drawn.

    Returns
    -------
    np.ndarray
        float32, (count, h, w), target by target.

    Raises
    ------
    ValueError
        There are fewer latents than targets, or labels have none.
    """
    if count < len(targets):
        raise ValueError(f"count must be at least the number of targets, {len(targets)}, got {count}")
    keys = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, key)) for key in (0, 1)]
    inputs = process_inputs(labels.z, labels.images, ORDERS)
    processes = [FeatureProcess(inputs, y, TRAINING, keys[0]) for y in columns_of(labels.y)]

    def predict(z: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        told = [process.predict(process_inputs(z, images, ORDERS)) for process in processes]
        mean, deviation = (np.column_stack(part) for part in zip(*told, strict=True))
        return (mean, deviation) if labels.y.ndim == 2 else (mean[:, 0], deviation[:, 0])

    left = screen_candidates(
        labels, generate, predict, prior, CandidateSearch.aimed(count), keys[1], report, aims=targets
    )
    chosen = []
    for target, share in zip(targets, np.diff(np.linspace(0, count, len(targets) + 1).astype(int)), strict=True):
        # Nearness comes before spread: there may be few that reach an edge.
        rows = left.rows(target, int(share), CANDIDATES_PER_LATENT)
        chosen.append(left.z[rows])
        left = left.without(rows)
    return np.concatenate(chosen)
