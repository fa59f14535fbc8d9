"""What designs cost: markers and curves lie where the label equivalents say."""

from __future__ import annotations

import numpy as np
import pytest

from results.figures.cost import cost_curves
from results.figures.targets import SearchHistory
from results.table.cost import MethodCost

LEARNT = MethodCost("d", "flow-posterior", 400, 6.0, 2.0, 0.5)
SEARCH = MethodCost("d", "random-search", 10, 4.0, None, 0.25)


def test_a_method_that_learns_is_a_marker_and_a_search_a_curve() -> None:
    rep = np.array([9.0] * 9 + [8.0, 4.0, 6.0, np.nan, 1.0])
    histories = [
        SearchHistory("d", 0.6, rep, 10, "random-search"),
        SearchHistory("d, repeat 2", 0.6, rep * 3, 10, "random-search"),
        SearchHistory("d", 0.6, rep, 10, "sobol-search"),
    ]
    anytime, break_even = cost_curves([LEARNT, SEARCH], histories, targets=5).axes
    lines = [line for line in anytime.lines if len(line.get_xdata())]
    (marker,) = [line for line in lines if len(line.get_xdata()) == 1]
    assert (marker.get_xdata()[0], marker.get_ydata()[0]) == (400 / 5 + 6, 2.0)
    (curve,) = [line for line in lines if len(line.get_xdata()) == 4]
    np.testing.assert_allclose(curve.get_xdata(), [3, 4, 5, 6])
    np.testing.assert_allclose(curve.get_ydata(), [8, 8, 8, 2])  # its repeat is three times as far
    drawn = {tuple(line.get_ydata()) for line in break_even.lines if len(line.get_ydata())}
    assert (406.0, 86.0, 14.0, 6.8) in drawn


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one method"):
        cost_curves([], [], 5)
