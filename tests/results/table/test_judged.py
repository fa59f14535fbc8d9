"""What a table says of designs beside their REP."""

from __future__ import annotations

import numpy as np
import pytest

from ganmdn.targets import Target
from results.table.judged import JudgedDesigns, JudgedRepeats

IMAGES = np.array([np.zeros((2, 2)), np.zeros((2, 2)), np.ones((2, 2)), np.ones((2, 2))], np.uint8)
COLUMNS = {
    "y": np.array([0.6, np.nan, 0.7, 0.8]),
    "target": np.array([0.6, 0.6, 0.7, 0.7]),
    "image": IMAGES,
    "predicted": np.array([0.6, 0.6, 0.7, 0.7]),
    "deviation": np.full(4, 0.01),
}


def test_it_takes_the_designs_of_one_target() -> None:
    designs = JudgedDesigns.of(COLUMNS, Target.of(0.7))
    assert designs.mean_achieved == pytest.approx((0.75,))
    assert (designs.distance, designs.copies, designs.within_interval) == (0.0, 1, 0.5)
    assert JudgedDesigns.of(COLUMNS, Target.of(0.6)).mean_achieved == (0.6,)


def test_without_predictions_or_results_there_is_nothing_to_say() -> None:
    bare = {name: COLUMNS[name] for name in ("y", "target", "image")}
    assert JudgedDesigns.of(bare, Target.of(0.7)).within_interval is None
    assert JudgedDesigns(np.array([np.nan]), IMAGES[:1]).mean_achieved == ()


def test_repeats_are_judged_together_but_differ_each_within_itself() -> None:
    one, other = JudgedDesigns.of(COLUMNS, Target.of(0.7)), JudgedDesigns.of(COLUMNS, Target.of(0.6))
    repeats = JudgedRepeats((one, other))
    np.testing.assert_array_equal(repeats.together.y, [0.7, 0.8, 0.6, np.nan])
    assert repeats.together.mean_achieved == pytest.approx((0.7,))
    assert repeats.together.within_interval == pytest.approx(2 / 3)
    assert (repeats.copies, repeats.distance) == (2, 0.0)
    assert repeats.together.distance > 0
    bare = JudgedDesigns(one.y, one.images)
    assert JudgedRepeats((bare, bare)).together.within_interval is None


def test_designs_of_several_properties_are_found_by_their_text() -> None:
    targets = np.array(["0.6,0.2..", "0.6,0.2..", "0.7,0.1.."], object)
    y = np.array([[0.5, 0.2], [0.7, np.nan], [0.7, 0.1]])
    columns = {"y": y, "target": targets, "image": IMAGES[:3], "predicted": y, "deviation": np.full((3, 2), 0.01)}
    designs = JudgedDesigns.of(columns, Target.parse("0.6,0.2.."))
    assert (designs.mean_achieved, len(designs.y), designs.within_interval) == ((0.5, 0.2), 2, 1.0)
