"""Rows grouped, averaged and set beside the paper's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganmdn.targets import Target
from results.table.lines import Measures, format_seconds, method_groups
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow

REACH = Reach(
    *("data-ii", 400, 0.5, 0.7, 0.04),
    (TargetReach(Target.of(0.55), 0.1, 0.4, 9.0, 0.3), TargetReach(Target.of(0.60), 0.2, 0.2, 7.0, 0.3)),
    distance=0.4,
)


def row(method: str = "gan-mdn", target: float = 0.55, **changes: Any) -> TableRow:
    fields: dict[str, Any] = {
        "dataset": "data-ii",
        "minimum_rep": 0.5,
        "mean_rep": 6.0,
        "std_rep": 3.0,
        "seconds": 0.035,
        "designs": 30,
    }
    return TableRow(method=method, target=Target.of(target), **{**fields, **changes})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 ms"),
        (0.00035, "0.35 ms"),
        (0.0354, "35.4 ms"),
        (0.035, "35 ms"),
        (0.9996, "1.0 s"),
        (9.67, "9.7 s"),
        (23.34, "23.3 s"),
        (175.27, "175 s"),
        (1000, "17 min"),
        (15840, "4.4 h"),
        (67680, "18.8 h"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@given(st.floats(0, 1e7))
def test_printed_durations_are_right_to_six_percent(seconds: float) -> None:
    number, unit = format_seconds(seconds).split()
    size = {"ms": 1e-3, "s": 1, "min": 60, "h": 3600}[unit]
    assert abs(float(number) * size - seconds) <= max(0.06 * seconds, 1e-5)


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match=r"seconds must not be negative, got -1"):
        format_seconds(-1)


def test_the_paper_stands_beside_the_same_target() -> None:
    (group,) = method_groups([row(target=0.55), row(target=0.70)])
    assert [line.label for line in group.printed] == ["0.55", "0.70", "average"]
    assert group.lines[1].paper == Measures(0.10, 5.00, 4.61, 9.68)
    assert group.average.paper is not None
    assert group.average.paper.mean_rep == pytest.approx((16.19 + 5.00) / 2)
    assert group.average.ours.mean_rep == 6.0


def test_no_average_over_part_of_the_targets() -> None:
    failed = row(target=0.60, minimum_rep=None, mean_rep=None, std_rep=None, failed=30)
    (group,) = method_groups([row(target=0.55), failed])
    assert group.average.ours.mean_rep is None
    assert group.average.ours.seconds == pytest.approx(0.035)
    (unpublished,) = method_groups([row(target=0.55), row(target=0.57)])
    assert unpublished.average.paper is None


def test_groups_keep_data_sets_together_and_mark_the_best() -> None:
    rows = [
        row("pca-mdn", dataset="data-i", mean_rep=8.0),
        row("gan-mdn", mean_rep=6.0),
        row("gan-mdn", dataset="data-i", mean_rep=5.0),
        row("bayesian-optimization", mean_rep=None),
    ]
    groups = method_groups(rows)
    assert [(group.dataset, group.method, group.best) for group in groups] == [
        ("data-i", "pca-mdn", False),
        ("data-i", "gan-mdn", True),
        ("data-ii", "gan-mdn", True),
        ("data-ii", "bayesian-optimization", False),
    ]


def test_a_baseline_is_never_the_best() -> None:
    groups = method_groups([row("random-labels", mean_rep=9.0), row("nearest-labels", mean_rep=1.0), row(mean_rep=6.0)])
    assert [(group.method, group.is_baseline, group.best) for group in groups] == [
        ("random-labels", True, False),
        ("nearest-labels", True, False),
        ("gan-mdn", False, True),
    ]


def test_an_average_stands_beside_the_averages_of_oracle_random_label_and_diversity() -> None:
    (group,) = method_groups([row(target=target, reach=REACH, distance=0.2) for target in (0.55, 0.60)])
    standing = group.average.standing
    assert standing.oracle_rep == pytest.approx((0.4 + 0.2) / 2)
    assert standing.random_rep == pytest.approx((9.0 + 7.0) / 2)
    assert standing.diversity == pytest.approx(0.5)
    assert not standing.near_copies
    (unknown,) = method_groups([row(reach=REACH), row(target=0.60)])
    assert unknown.average.standing.oracle_rep is None


def test_the_average_spreads_as_the_averages_of_repeats_do() -> None:
    """What moves one target up and another down with the seed leaves the average where it was."""
    opposite = [row(target=0.55, repeat_reps=(5.0, 7.0)), row(target=0.60, repeat_reps=(7.0, 5.0))]
    (group,) = method_groups(opposite)
    assert [line.spread_rep for line in group.printed] == pytest.approx([2**0.5, 2**0.5, 0.0])
    (group,) = method_groups([opposite[0], row(target=0.60)])
    assert group.average.spread_rep is None
    (group,) = method_groups([opposite[0], row(target=0.60, repeat_reps=(None, 5.0))])
    assert group.average.repeat_reps == (None, 6.0)
