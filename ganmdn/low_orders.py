"""A cheap solve at few diffraction orders as one more input: what it and a forward model tell together of y.

y at few orders goes with y, but for what the truncation leaves out. From labels that are solved both ways follow a
plane over (y at few orders, what the forward model expects) and a Gaussian process, on these, latents and diffraction
features, for what the plane leaves. The forward model's expectation of a label is the one without it, so that both
inputs count for what they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ganmdn.candidate_bank import CandidateBank
from ganmdn.diffraction import DiffractionOrders
from ganmdn.feature_process import FeatureProcess
from ganmdn.forward_config import ProcessTraining
from ganmdn.forward_model import NINETY_PERCENT, process_inputs
from ganmdn.label_table import LabelTable
from ganmdn.latent_process import columns_of
from ganmdn.targets import Target

ORDERS, TRAINING = DiffractionOrders(), ProcessTraining()


@dataclass(frozen=True)
class CorrectionQuality:
    """How well labels are predicted by what did not see them.

    Attributes
    ----------
    corrected_r2
        Share of the variance of y that is explained.
    corrected_covered
        Share of labels within 1.645 predicted deviations; 0.9 if the errors are normal.
    """

    corrected_r2: float
    corrected_covered: float


class Correction:
    """From y at few orders, a forward model's expectation and an image to one property and its deviation.

    Parameters
    ----------
    y, low, expected
        (n,) each, of labels: at full orders, at few, and as the forward model expects them without themselves.
    inputs
        (n, F), from ``process_inputs``.
    seed
        Decides to which labels length scales are fitted.
    """

    def __init__(
        self, y: np.ndarray, low: np.ndarray, expected: np.ndarray, inputs: np.ndarray, seed: np.random.SeedSequence
    ) -> None:
        plane = _plane(low, expected)
        self._slopes = np.linalg.lstsq(plane, y, rcond=None)[0]
        left = y - plane @ self._slopes
        self._process = FeatureProcess(np.column_stack([low, expected, inputs]), left, TRAINING, seed)
        without = self._process.leave_one_out()
        error = without.predicted - left
        self._widened = float(np.sqrt(np.mean((error / without.deviation) ** 2)))
        within = np.abs(error) <= NINETY_PERCENT * self._widened * without.deviation
        explained = 1 - np.mean(error**2) / np.var(y) if np.var(y) > 0 else np.nan
        self.quality = CorrectionQuality(float(explained), float(np.mean(within)))

    def predict(self, low: np.ndarray, expected: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected properties and deviations of new images, (B,) each."""
        left, deviation = self._process.predict(np.column_stack([low, expected, inputs]))
        return _plane(low, expected) @ self._slopes + left, self._widened * deviation


def _plane(low: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(low)), low, expected])


def corrected_bank(
    bank: CandidateBank,
    rows: np.ndarray,
    low: np.ndarray,
    labels: LabelTable,
    labels_low: np.ndarray,
    labels_expected: np.ndarray,
    seed: np.random.SeedSequence,
) -> tuple[CandidateBank, CorrectionQuality]:
    """The bank with what is known better of some candidates, and how well: the mean over properties.

    Parameters
    ----------
    rows, low
        Candidates (k,) with their properties at few orders, (k,) or (k, D); as it was stays what is not finite.
    labels, labels_low, labels_expected
        Labels with their properties at few orders, and as the forward model expects them without themselves; rows of
        labels that are not finite are left out.
    seed
        Of the correction.
    """
    known, usable = _finite(low), _finite(labels_low)
    rows, low = rows[known], low[known]
    inputs = process_inputs(labels.z, labels.images, ORDERS)[usable]
    of_candidates = process_inputs(bank.z[rows], bank.images[rows], ORDERS)
    told = zip(
        *(columns_of(each[usable]) for each in (labels.y, labels_low, labels_expected)),
        *(columns_of(each) for each in (low, bank.predicted[rows])),
        strict=True,
    )
    means, deviations, qualities = [], [], []
    for y, y_low, y_expected, candidates_low, candidates_expected in told:
        correction = Correction(y, y_low, y_expected, inputs, seed)
        mean, deviation = correction.predict(candidates_low, candidates_expected, of_candidates)
        means.append(mean)
        deviations.append(deviation)
        qualities.append((correction.quality.corrected_r2, correction.quality.corrected_covered))
    predicted, deviation = bank.predicted.copy(), bank.deviation.copy()
    predicted[rows], deviation[rows] = (
        np.column_stack(part).reshape(predicted[rows].shape) for part in (means, deviations)
    )
    quality = CorrectionQuality(*np.mean(qualities, axis=0).tolist())
    return replace(bank, predicted=predicted, deviation=deviation), quality


def _finite(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.isfinite(values.reshape(len(values), -1)).all(axis=1))


def promising(bank: CandidateBank, targets: Sequence[Target], count: int) -> np.ndarray:
    """Numbers of the ``count`` candidates of least expected error for each target, rising, each once."""
    return np.unique(np.concatenate([bank.rows(target, min(count, len(bank.z))) for target in targets]))


def telling(expected: np.ndarray, targets: Sequence[Target], count: int) -> np.ndarray:
    """Numbers of ``count`` labels to learn a correction from: half near the targets, by expectation, half as they come.

    Chosen by what is expected of them, (n,) or (n, D), not by what they are, which would bias the correction.
    """
    near = np.stack([np.argsort(target.distance(expected), kind="stable") for target in targets], axis=1).reshape(-1)
    near = near[np.sort(np.unique(near, return_index=True)[1])][: count // 2]  # each once, the nearest of all first
    others = np.setdiff1d(np.arange(len(expected)), near)
    return np.sort(np.concatenate([near, others[: count - len(near)]]))
