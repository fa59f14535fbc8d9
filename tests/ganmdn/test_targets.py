"""Targets: what is asked for, how far designs miss it, and how that is written."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganmdn.metrics import residual_error_percentage
from ganmdn.targets import Target, target_column, targets_in

INF = math.inf
TWO = Target((0.3, 0.9), (0.3, INF))


def test_one_value_has_the_rep_of_the_paper_to_the_bit() -> None:
    y = np.random.default_rng(1).random(1000)
    target = Target.of(0.7)
    np.testing.assert_array_equal(residual_error_percentage(y, target), np.abs(y - 0.7) / 0.7 * 100.0)
    np.testing.assert_array_equal(target.distance(y), np.abs(y - 0.7))


def test_a_range_is_hit_within_and_missed_relative_to_its_bound() -> None:
    y = np.array([0.3, 0.4, 0.5, 0.6, 0.72])
    np.testing.assert_allclose(residual_error_percentage(y, Target.parse("0.4..0.6")), [25, 0, 0, 0, 20])
    np.testing.assert_allclose(residual_error_percentage(y, Target.parse("0.5..")), [40, 20, 0, 0, 0])
    np.testing.assert_allclose(residual_error_percentage(y, Target.parse("..0.5")), [0, 0, 0, 20, 44])


def test_of_several_properties_it_is_the_mean() -> None:
    y = np.array([[0.3, 0.95], [0.33, 0.45], [np.nan, 0.9]])
    np.testing.assert_allclose(residual_error_percentage(y, TWO), [0, (10 + 50) / 2, np.nan])


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=2, max_size=2),
    st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
)
def test_distances_are_in_the_order_of_the_rep(bounds: list[tuple[float, float]], y: list[float]) -> None:
    target = Target(*zip(*(sorted(pair) for pair in bounds), strict=True))
    rows = np.array(y).reshape(2, 2)
    (near, far), (small, large) = target.distance(rows), target.relative_error(rows)
    assert (near - far) * (small - large) >= -1e-15


def test_the_distance_of_several_is_a_mean_in_units_of_the_property() -> None:
    same = Target.of([0.5, 0.5])
    assert same.distance(np.array([0.6, 0.9])) == pytest.approx((0.1 + 0.4) / 2)


def test_the_nearest_point_keeps_what_is_within() -> None:
    y = np.array([[0.5, 0.95], [0.1, 0.2]])
    np.testing.assert_array_equal(TWO.nearest(y), [[0.3, 0.95], [0.3, 0.9]])
    np.testing.assert_array_equal(Target.parse("0.4..0.6").nearest(np.array([0.1, 0.5])), [0.4, 0.5])


@pytest.mark.parametrize(
    ("target", "text", "label"),
    [
        (Target.of(0.6), "0.6", "0.60"),
        (Target.of(0.6125), "0.6125", "0.6125"),
        (Target((0.9,), (INF,)), "0.9..", "≥ 0.90"),
        (Target((-INF,), (0.1,)), "..0.1", "≤ 0.10"),
        (Target((0.4,), (0.6,)), "0.4..0.6", "0.40 to 0.60"),
        (TWO, "0.3,0.9..", "0.30, ≥ 0.90"),
    ],
)
def test_text_is_read_as_it_was_written(target: Target, text: str, label: str) -> None:
    assert (str(target), target.label) == (text, label)
    assert Target.parse(text) == target


@pytest.mark.parametrize("text", ["", "high", "0.3,", "0.4...6...", ">0.9"])
def test_other_text_is_refused_with_the_forms_that_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"a target must be a number or a range \(0.9.. for at least"):
        Target.parse(text)


@pytest.mark.parametrize("text", ["0.6..0.4", "..", "nan", "inf"])
def test_what_nothing_can_hit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="target must"):
        Target.parse(text)


def test_errors_are_relative_to_something() -> None:
    with pytest.raises(ValueError, match=r"target must be above 0, REP is relative to it, got 0\.3,-0\.1"):
        residual_error_percentage(np.zeros((1, 2)), Target.of([0.3, -0.1]))
    with pytest.raises(ValueError, match=r"y must end in 2 properties for target 0\.3,0\.9\.\., got shape"):
        TWO.distance(np.zeros(3))


def test_columns_are_numbers_where_all_targets_are() -> None:
    values = [Target.of(0.6), Target.of(0.7)]
    column = np.repeat(target_column(values), 2)
    assert column.dtype == np.float64
    np.testing.assert_array_equal(values[1].rows(column), [False, False, True, True])
    mixed = [Target.of(0.6), Target.parse("0.7..")]
    column = target_column(mixed)
    np.testing.assert_array_equal(column, ["0.6", "0.7.."])
    assert [each.rows(column).tolist() for each in mixed] == [[True, False], [False, True]]
    assert sorted(targets_in(column)) == sorted(mixed)


def test_a_target_out_of_reach_becomes_the_nearest_within() -> None:
    reach = Target((0.2, 0.4), (0.5, 0.8))
    assert TWO.within(reach) == Target.of([0.3, 0.8])
    assert Target.parse("0.1..0.3,0.7..").within(reach) == Target.parse("0.1..0.3,0.7..")
