"""A cheap solve at few diffraction orders as one more input: what it and a forward model tell together of y.

y at few orders is taken for a measurement of y, low = a + b y + error, whose line and error are learnt from labels that
are solved both ways. It and the forward model's expectation are weighed by their variances, as errors that go together
as much as they do on the labels: so the solve counts most where the forward model knows least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ganmdn.candidate_bank import CandidateBank
from ganmdn.forward_model import NINETY_PERCENT
from ganmdn.targets import Target

LEAST_SLOPE = 1e-6  # of y at few orders on y: below it tells nothing


@dataclass(frozen=True)
class CorrectionQuality:
    """How well labels are predicted by both together, by what the forward model expects of them without themselves.

    Attributes
    ----------
    corrected_r2
        Share of the variance of y that is explained.
    corrected_covered
        Share of labels within 1.645 predicted deviations; 0.9 if the errors are normal.
    """

    corrected_r2: float
    corrected_covered: float


@dataclass(frozen=True)
class Correction:
    """The measurement of one property by a solve at few orders.

    Parameters
    ----------
    offset, slope
        Of y at few orders on y.
    deviation
        Of the measured y.
    correlation
        Of its error with the forward model's.
    """

    offset: float
    slope: float
    deviation: float
    correlation: float

    @classmethod
    def fitted(cls, y: np.ndarray, low: np.ndarray, expected: np.ndarray) -> Correction:
        """From labels at full orders, at few, and as the forward model expects them without themselves, (n,) each."""
        slope, offset = np.polyfit(y, low, 1) if np.ptp(y) > 0 else (LEAST_SLOPE, 0.0)
        slope = max(float(slope), LEAST_SLOPE)
        errors = np.stack([expected - y, (low - offset) / slope - y])
        rms = np.sqrt(np.mean(errors**2, axis=1))
        together = float(np.mean(errors[0] * errors[1]) / max(rms.prod(), np.finfo(np.float64).tiny))
        return cls(float(offset), slope, float(rms[1]), together)

    def combined(
        self, low: np.ndarray, expected: np.ndarray, deviation: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Expected property and deviation, (B,) each, of least variance; ``deviation`` is the forward model's."""
        known, measured = np.square(deviation) * np.ones(len(low)), self.deviation**2
        both = self.correlation * np.sqrt(known) * self.deviation
        spread = known + measured - 2 * both  # variance of their difference
        share = np.clip((measured - both) / np.maximum(spread, np.finfo(np.float64).tiny), 0, 1)
        variance = share**2 * known + (1 - share) ** 2 * measured + 2 * share * (1 - share) * both
        return share * expected + (1 - share) * (low - self.offset) / self.slope, np.sqrt(np.maximum(variance, 0))

    def quality(self, y: np.ndarray, low: np.ndarray, expected: np.ndarray) -> CorrectionQuality:
        """On labels as those of ``fitted``."""
        predicted, deviation = self.combined(low, expected, float(np.sqrt(np.mean((expected - y) ** 2))))
        error = predicted - y
        explained = float(1 - np.mean(error**2) / np.var(y)) if np.var(y) > 0 else float("nan")
        return CorrectionQuality(explained, float(np.mean(np.abs(error) <= NINETY_PERCENT * deviation)))


def corrected_bank(
    bank: CandidateBank,
    rows: np.ndarray,
    low: np.ndarray,
    labels: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[CandidateBank, CorrectionQuality]:
    """The bank with what is known better of some candidates, and how well: the mean over properties.

    Parameters
    ----------
    rows, low
        Candidates (k,) with their properties at few orders, (k,) or (k, D); as it was stays what is not finite.
    labels
        Properties at full orders, at few, and as the forward model expects them of labels without themselves, (n,) or
        (n, D) each; rows whose solve at few is not finite are left out.
    """
    known, usable = _finite(low), _finite(labels[1])
    rows, low = rows[known], low[known]
    y, labels_low, labels_expected = (_columns(each[usable]) for each in labels)
    expected, deviation = (_columns(each[rows]).copy() for each in (bank.predicted, bank.deviation))
    qualities = []
    for place, measured in enumerate(_columns(low).T):
        told = y[:, place], labels_low[:, place], labels_expected[:, place]
        correction = Correction.fitted(*told)
        expected[:, place], deviation[:, place] = correction.combined(measured, expected[:, place], deviation[:, place])
        qualities.append(correction.quality(*told))
    predicted, deviations = bank.predicted.copy(), bank.deviation.copy()
    predicted[rows], deviations[rows] = (each.reshape(predicted[rows].shape) for each in (expected, deviation))
    figures = [(each.corrected_r2, each.corrected_covered) for each in qualities]
    return replace(bank, predicted=predicted, deviation=deviations), CorrectionQuality(
        *np.mean(figures, axis=0).tolist()
    )


def _columns(values: np.ndarray) -> np.ndarray:
    """Properties (n,) or (n, D) as (n, D)."""
    return values.reshape(len(values), -1)


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
