from __future__ import annotations

import math

import numpy as np
import pytest

from ganmdn.metrics import RepSummary, residual_error_percentage


def test_rep_is_equation_1() -> None:
    rep = residual_error_percentage(np.array([0.55, 0.66, 0.5]), 0.55)
    np.testing.assert_allclose(rep, [0.0, 20.0, 100 / 11])


def test_rep_takes_a_target_for_each_design() -> None:
    np.testing.assert_allclose(residual_error_percentage(np.array([0.6, 0.6]), np.array([0.5, 0.75])), [20, 20])


def test_summary_counts_failures_and_leaves_them_out() -> None:
    summary = RepSummary.of(np.array([0.5, np.nan, 0.55, 0.6]), 0.5)
    assert summary.minimum == 0
    assert summary.mean == pytest.approx(10)
    assert summary.standard_deviation == pytest.approx(math.sqrt(200 / 3))  # ddof = 0
    assert (summary.count, summary.failed) == (3, 1)


def test_summary_of_failures_only() -> None:
    summary = RepSummary.of(np.array([np.nan, np.nan]), 0.5)
    assert (summary.count, summary.failed) == (0, 2)
    assert math.isnan(summary.minimum)
    assert math.isnan(summary.mean)
    assert math.isnan(summary.standard_deviation)


def test_a_target_of_zero_has_no_relative_error() -> None:
    with pytest.raises(ValueError, match="target must be above 0, REP is relative to it, got 0"):
        residual_error_percentage(np.array([0.5]), 0.0)
