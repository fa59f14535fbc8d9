"""Corrections from few orders to all, where the property is known: what is left out goes with the volume fraction."""

from __future__ import annotations

import numpy as np
import pytest

from ganmdn.candidate_bank import CandidateBank, SpreadCurve
from ganmdn.low_orders import Correction, corrected_bank, promising, telling
from ganmdn.targets import Target

RNG = np.random.default_rng(0)
COUNT, PX = 120, 24


def images(count: int) -> np.ndarray:
    fractions = RNG.uniform(0.2, 0.8, (count, 1, 1))
    return (RNG.random((count, PX, PX)) < fractions).astype(np.uint8)


def truth(pictures: np.ndarray, low: np.ndarray) -> np.ndarray:
    return 0.9 * low + 0.1 * pictures.mean(axis=(1, 2))


def made(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images, y at few orders, y, and what a forward model expects of it: off by 0.05."""
    pictures, low = images(count), RNG.uniform(0.4, 0.8, count)
    y = truth(pictures, low)
    return pictures, low, y, y + 0.05 * RNG.standard_normal(count)


@pytest.fixture(scope="module")
def labels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    _, low, y, expected = made(COUNT)
    return y, low, expected


def bank_of(pictures: np.ndarray, expected: np.ndarray) -> CandidateBank:
    z = RNG.standard_normal((len(pictures), 2, 2)).astype(np.float32)
    spread = SpreadCurve(np.array([0.4, 0.8]), np.array([0.1, 0.1]))
    return CandidateBank(z, pictures, expected, np.full(expected.shape, 0.05), spread)


def test_what_was_solved_is_known_better_and_the_rest_as_before(
    labels: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    pictures, low, y, expected = made(60)
    bank, rows = bank_of(pictures, expected), np.arange(0, 60, 2)
    tried = np.where(rows == 4, np.nan, low[rows])
    better, quality = corrected_bank(bank, rows, tried, labels)
    solved = rows[rows != 4]
    assert np.abs(better.predicted - y)[solved].mean() < 0.5 * np.abs(bank.predicted - y)[solved].mean()
    assert better.deviation[solved].mean() < 0.5 * 0.05
    assert 0.75 < np.mean(np.abs(better.predicted - y)[solved] < 1.645 * better.deviation[solved]) <= 1
    assert quality.corrected_r2 > 0.95
    assert 0.8 < quality.corrected_covered < 0.97
    for others in (np.arange(1, 60, 2), [4]):
        np.testing.assert_array_equal(better.predicted[others], bank.predicted[others])
        np.testing.assert_array_equal(better.deviation[others], bank.deviation[others])


def test_several_properties_are_corrected_each(labels: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    def both(values: np.ndarray) -> np.ndarray:
        return np.column_stack([values, 1 - values])

    pictures, low, _, expected = made(10)
    y, labels_low, labels_expected = map(both, labels)
    alone, _ = corrected_bank(bank_of(pictures, expected), np.arange(10), low, labels)
    together, _ = corrected_bank(
        bank_of(pictures, both(expected)), np.arange(10), both(low), (y, labels_low, labels_expected)
    )
    np.testing.assert_allclose(together.predicted, both(alone.predicted))
    np.testing.assert_allclose(together.deviation, np.column_stack([alone.deviation] * 2))


def test_independent_measurements_are_weighed_by_their_variances() -> None:
    correction = Correction(offset=0.1, slope=0.5, deviation=0.02, correlation=0.0)
    predicted, deviation = correction.combined(np.array([0.4, 0.4]), np.array([0.5, 0.5]), np.array([0.02, 1e-9]))
    np.testing.assert_allclose(predicted, [0.55, 0.5])
    np.testing.assert_allclose(deviation, [0.02 / np.sqrt(2), 1e-9], rtol=1e-6)


def test_a_solve_that_tells_nothing_changes_nothing() -> None:
    y, noise = RNG.uniform(0.4, 0.8, 200), 0.02 * RNG.standard_normal(200)
    correction = Correction.fitted(y, np.full(200, 0.3), y + noise)
    predicted, deviation = correction.combined(np.array([0.3]), np.array([0.6]), 0.02)
    np.testing.assert_allclose(predicted, 0.6, atol=2e-3)
    np.testing.assert_allclose(deviation, 0.02, rtol=0.02)


def test_promising_candidates_of_several_targets_are_solved_once() -> None:
    expected = np.linspace(0.4, 0.8, 41)
    bank = bank_of(images(41), expected)
    rows = promising(bank, [Target.of(0.5), Target.of(0.5), Target.parse("0.79..")], 5)
    assert 5 < len(rows) <= 10
    assert (np.diff(rows) > 0).all()
    assert len(promising(bank, [Target.of(0.5)], 500)) == 41


def test_labels_are_chosen_by_what_is_expected_of_them() -> None:
    expected = np.linspace(0, 1, 101)
    rows = telling(expected, [Target.of(0.5), Target.of(0.9)], 20)
    assert len(set(rows.tolist())) == 20
    assert {50, 90} < set(rows.tolist())
    assert set(range(10)) <= set(rows.tolist())
    assert len(telling(expected, [Target.of(0.5)], 101)) == 101
