"""One row of Table 1: what it refuses, and what it says of its designs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganmdn.targets import Target
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow, if_finite, search_row

REACH = Reach(
    "data-ii",
    400,
    (0.5,),
    (0.7,),
    (0.04,),
    (TargetReach(Target.of(0.55), 0.1, 0.4, 9.0, nearest_distance=0.3),),
    distance=0.4,
)


def row(**changes: Any) -> TableRow:
    return TableRow("data-ii", "gan-mdn", Target.of(0.55), 0.5, 6.0, 3.0, 0.035, 30, **changes)


def test_more_failures_than_designs_are_refused() -> None:
    with pytest.raises(ValueError, match="failed must be from 0 to designs, got 31 of 30 designs"):
        row(failed=31)


def test_diversity_is_the_distance_of_designs_over_that_of_the_labels() -> None:
    assert row(reach=REACH, distance=0.3).diversity == pytest.approx(0.75)
    assert row(distance=0.3).diversity is None
    assert row(reach=REACH).diversity is None


@pytest.mark.parametrize(
    ("distance", "copies", "is_marked"), [(0.149, 0, True), (0.151, 0, False), (0.3, 1, True), (None, None, False)]
)
def test_near_copies_are_half_as_far_apart_as_the_nearest_labels_or_identical(
    distance: float | None, copies: int | None, is_marked: bool
) -> None:
    assert row(reach=REACH, distance=distance, copies=copies).are_near_copies == is_marked


def test_the_paper_stands_beside_its_own_data_set_and_property_alone() -> None:
    assert row().paper is not None
    assert row(published=False).paper is None


def test_figures_of_nothing_are_none() -> None:
    assert (if_finite(np.nan), if_finite(0.5)) == (None, 0.5)


def test_repeats_spread() -> None:
    assert row(repeat_reps=(5.0, 7.0)).spread_rep == pytest.approx(2**0.5)
    assert row(repeat_reps=(6.0,)).spread_rep is None


def test_repeats_of_a_search_are_one_row_with_the_best_of_all() -> None:
    def found(best: float | None, seed: int, achieved: tuple[float, ...], failed: int) -> TableRow:
        figures = best, None, None, float(seed)
        return TableRow(
            *("data-ii", "search", Target.of(0.5)),
            *figures,
            designs=10,
            failed=failed,
            seeds=(seed,),
            mean_achieved=achieved,
        )

    together = search_row([found(0.4, 1, (0.502,), 0), found(0.2, 2, (0.499,), 1), found(None, 3, (), 10)])
    assert (together.minimum_rep, together.mean_rep, together.seconds) == (0.2, None, 2.0)
    assert (together.designs, together.failed, together.seeds) == (30, 11, (1, 2, 3))
    assert together.repeat_reps == (0.4, 0.2, None)
    assert together.mean_achieved == pytest.approx((0.5005,))
    assert search_row([found(None, 3, (), 10)]).minimum_rep is None
