"""Inverse model by way of the forward map: learn what an image does, screen many, keep the best for every target.

All that costs time belongs to fitting: designs for any target are then looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganmdn.candidate_bank import CandidateBank
from ganmdn.candidate_search import screen_candidates
from ganmdn.epochs import ALONE, TrainingPausedError
from ganmdn.forward_config import ForwardSearchConfig
from ganmdn.forward_model import ForwardQuality, fit_forward_models
from ganmdn.inverse import Designs, Generate
from ganmdn.label_table import LabelTable
from ganmdn.session import TrainingSession
from ganmdn.targets import Target

LEFT_OUT = "left-out.npy"
SCREENED_PER_STEP = 50  # candidates that take about as long as a label in each of four networks' epochs


@dataclass(frozen=True)
class ForwardSearch:
    """Designs are the candidates whose expected error is least, with their spread kept.

    Parameters
    ----------
    bank
        The candidates.
    left_out
        (n,) or (n, D), what was expected of each label without itself.
    """

    bank: CandidateBank
    left_out: np.ndarray

    def __len__(self) -> int:
        """Designs that it can choose from."""
        return len(self.bank.z)

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        """Pick from the bank, whatever the seed; see ``InverseModel.design`` and ``CandidateBank.choose``."""
        return self.bank.choose(target, count)

    def save(self, folder: Path) -> None:
        """See ``InverseModel.save``."""
        self.bank.save(folder)
        np.save(folder / LEFT_OUT, self.left_out)

    @classmethod
    def load(cls, folder: Path) -> ForwardSearch:
        """Read what ``save`` wrote."""
        return cls(CandidateBank.load(folder), np.load(folder / LEFT_OUT))


def fit_forward_search(
    y: np.ndarray,
    z: np.ndarray,
    images: np.ndarray,
    generate: Generate,
    prior: tuple[float, float],
    config: ForwardSearchConfig,
    seed: np.random.SeedSequence,
    *,
    session: TrainingSession = ALONE,
) -> tuple[ForwardSearch, ForwardQuality]:
    """Learn the forward map from labels, then screen candidates.

    Parameters
    ----------
    y, z, images
        Properties (n,) or (n, D), latents (n, h, w) and images, uint8 0/1 (n, H, H), of the labels.
    generate
        The generator; it makes the candidates.
    prior
        (low, high) of the uniform distribution that the labels' latents were drawn from.
    seed
        Decides folds, weights, batches and moves.
    session
        Where the networks are trained; it hears of the steps done, and of those to do. Each of its workers screens.

    Returns
    -------
    tuple
        The inverse model, and how well the forward model predicts labels that it did not see.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, or labels are too few.
    TrainingPausedError
        The session asked to stop.
    """
    labels = LabelTable(y, images, z)
    properties = y.shape[1] if y.ndim == 2 else 1
    training = config.forward.training.members * config.forward.training.epochs * properties
    search = config.search
    screening = (search.pool + search.rounds * search.children) // SCREENED_PER_STEP

    def screened(done: int, _: int) -> None:
        step, steps = training + done // SCREENED_PER_STEP, training + screening
        session.report({"step": float(step), "steps": float(steps)}, None)
        if session.asked_to_stop():
            raise TrainingPausedError  # the networks are kept

    keys = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, key)) for key in (0, 1)]
    predict, quality, left_out = fit_forward_models(labels, config.forward, keys[0], session, max(1, screening))
    bank = screen_candidates(labels, generate, predict, prior, search, keys[1], screened)
    return ForwardSearch(bank, left_out), quality
