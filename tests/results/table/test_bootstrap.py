"""Intervals against what statistics say of means: their width, their coverage, and what they leave open."""

from __future__ import annotations

import numpy as np
import pytest

from results.table.bootstrap import mean_intervals


def test_the_width_is_that_of_the_standard_error() -> None:
    reps = np.random.default_rng(1).gamma(2.0, 3.0, (4, 50))
    intervals, average = mean_intervals([[own] for own in reps])
    errors = reps.std(axis=1) / np.sqrt(50)
    for own, error, interval in zip(reps, errors, intervals, strict=True):
        assert interval is not None
        assert interval[0] < own.mean() < interval[1]
        assert interval[1] - interval[0] == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert average is not None
    assert average[1] - average[0] == pytest.approx(2 * 1.96 * np.sqrt(np.sum(errors**2)) / 4, rel=0.1)


def test_repeats_that_differ_widen_it_for_all_targets_together() -> None:
    rng = np.random.default_rng(2)
    levels = np.array([2.0, 5.0, 8.0])  # of the repeats' models: what their designs for every target have in common
    reps = [[rng.normal(level, 0.1, 30) for level in levels] for _ in range(5)]
    intervals, average = mean_intervals(reps)
    assert average is not None
    half = 1.96 * levels.std() / np.sqrt(3)
    for low, high in [*filter(None, intervals), average]:
        assert (high - low) / 2 == pytest.approx(half, rel=0.25)
    alone, _ = mean_intervals([[np.concatenate(own)] for own in reps])
    assert alone[0] is not None
    assert alone[0][1] - alone[0][0] < 0.5 * (average[1] - average[0])


def test_intervals_hold_the_mean_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    intervals, _ = mean_intervals([[rng.normal(5.0, 2.0, 30)] for _ in range(300)])
    held = np.mean([low < 5.0 < high for low, high in filter(None, intervals)])
    assert 0.9 < held < 0.98


def test_one_design_has_none_and_failed_ones_count_nowhere() -> None:
    nothing, one, two = np.array([]), np.array([3.0]), np.array([2.0, 4.0])
    intervals, average = mean_intervals([[one, nothing], [two, nothing], [nothing, nothing]])
    assert intervals[0] is intervals[2] is average is None
    assert intervals[1] == (2.0, 4.0)


def test_the_same_designs_have_the_same_interval() -> None:
    reps = [[np.random.default_rng(4).normal(5.0, 2.0, 30)]]
    assert mean_intervals(reps) == mean_intervals(reps)
