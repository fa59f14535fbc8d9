"""How far labels reach, on arrays whose answers are plain to see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganmdn.targets import Target
from results.table.reach import Reach, reach_of

LABELS = np.array([0.50, np.nan, 0.60, 0.602, 0.70])
SIX = Target.of(0.6)


def test_range_deviation_and_count_are_those_of_labels_that_did_not_fail() -> None:
    reach = reach_of("mine", LABELS, (SIX,), designs=2)
    assert (reach.labels, reach.lowest, reach.highest) == (4, (0.50,), (0.70,))
    assert reach.standard_deviation == pytest.approx((np.std([0.50, 0.60, 0.602, 0.70]),))
    assert "The 4 labels of mine reach from 0.500 to 0.700" in reach.sentence()


def test_the_oracle_is_the_mean_rep_of_as_many_nearest_labels_as_designs() -> None:
    at_target = reach_of("mine", LABELS, (SIX,), designs=2).at(SIX)
    assert at_target is not None
    assert at_target.oracle_rep == pytest.approx((0 + 0.002 / 0.6 * 100) / 2)
    assert at_target.random_rep == pytest.approx(100 * (0.1 + 0 + 0.002 + 0.1) / 0.6 / 4)
    assert at_target.share_within_1_percent == 0.5


def test_images_of_the_nearest_labels_are_those_of_the_same_rows() -> None:
    images = np.zeros((5, 2, 2), np.uint8)
    images[2, 0, 0] = 1  # differs from the label at 0.602 in one pixel of four
    images[1] = 1  # of the label that failed: counts nowhere
    reach = reach_of("mine", LABELS, (SIX,), designs=2, images=images)
    assert reach.targets[0].nearest_distance == 0.25
    assert reach.distance == pytest.approx(0.25 * 3 / 6)


def test_targets_outside_are_told_with_the_range() -> None:
    reach = reach_of("mine", LABELS, tuple(map(Target.of, (0.5, 0.65, 0.71, 0.75))), designs=2)
    assert reach.outside == (Target.of(0.71), Target.of(0.75))
    assert reach.outside_sentence() == "Targets 0.71, 0.75 lie outside the labels of mine, 0.500 to 0.700."
    assert reach_of("mine", LABELS, (Target.of(0.4),), 2).outside_sentence().startswith("Target 0.40 lies outside")
    assert reach_of("mine", LABELS, (SIX,), 2).outside_sentence() == ""


def test_without_labels_nothing_is_known_and_nothing_outside() -> None:
    reach = reach_of("mine", np.array([np.nan]), (SIX,), designs=2, images=np.zeros((1, 2, 2), np.uint8))
    assert (reach.labels, reach.lowest, reach.highest, reach.standard_deviation, reach.distance) == (
        0,
        (),
        (),
        (),
        None,
    )
    assert reach.targets[0].oracle_rep is None
    assert reach.outside == ()
    assert reach.sentence() == "No label of mine is known."


@given(st.lists(st.floats(0.1, 0.9), min_size=1, max_size=30), st.floats(0.1, 0.9), st.integers(1, 40))
def test_looking_up_is_never_worse_than_guessing(labels: list[float], target: float, designs: int) -> None:
    reach: Reach = reach_of("mine", np.array(labels), (Target.of(target),), designs)
    oracle, random = reach.targets[0].oracle_rep, reach.targets[0].random_rep
    assert oracle is not None
    assert random is not None
    assert oracle <= random + 1e-9


def test_of_several_properties_each_is_named_and_a_range_is_outside_where_it_begins_beyond() -> None:
    y = np.array([[0.3, 0.5], [0.4, np.nan], [0.35, 0.7]])
    inside, beyond = Target.parse("0.3,0.6.."), Target.parse("..0.2,0.5..0.9")
    reach = reach_of("mine", y, (inside, beyond), designs=1, names=("reflection", "absorption"))
    assert (reach.labels, reach.lowest, reach.highest) == (2, (0.3, 0.5), (0.35, 0.7))
    assert reach.sentence().startswith(
        "The 2 labels of mine reach in reflection from 0.300 to 0.350 (standard deviation "
    )
    assert reach.outside_sentence() == (
        "Target (≤ 0.20, 0.50 to 0.90) lies outside the labels of mine, in reflection 0.300 to 0.350, "
        "in absorption 0.500 to 0.700."
    )
    assert reach.targets[0].oracle_rep == pytest.approx(100 * min(0.05 / 0.3 / 2, 0.1 / 0.6 / 2))
