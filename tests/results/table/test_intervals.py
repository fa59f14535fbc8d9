"""Predicted intervals against what came out."""

from __future__ import annotations

import numpy as np
import pytest

from results.table.intervals import interval_coverage


def test_honest_predictions_hold_nine_of_ten() -> None:
    chance = np.random.default_rng(1)
    predicted, deviation = chance.uniform(0.5, 0.7, 20_000), chance.uniform(0.001, 0.01, 20_000)
    y = chance.normal(predicted, deviation)
    assert interval_coverage(y, predicted, deviation) == pytest.approx(0.9, abs=0.01)
    assert interval_coverage(y, predicted, deviation / 2) == pytest.approx(0.589, abs=0.01)


def test_what_failed_or_was_not_predicted_counts_nowhere() -> None:
    y, predicted = np.array([0.6, np.nan, 0.6, 0.9]), np.array([0.6, 0.6, np.nan, 0.6])
    assert interval_coverage(y, predicted, np.full(4, 0.1)) == 0.5
    assert interval_coverage(y[1:3], predicted[1:3], np.full(2, 0.1)) is None
