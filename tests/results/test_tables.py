"""Rows grouped, averaged and set beside the paper's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.tables import Measures, TableRow, caption, format_seconds, headline, method_groups


def row(method: str = "gan-mdn", target: float = 0.55, **changes: Any) -> TableRow:
    fields: dict[str, Any] = {
        "dataset": "data-ii",
        "minimum_rep": 0.5,
        "mean_rep": 6.0,
        "std_rep": 3.0,
        "seconds": 0.035,
        "designs": 30,
    }
    return TableRow(method=method, target=target, **{**fields, **changes})


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


def test_methods_without_counterpart_are_blank_not_a_dash() -> None:
    (group,) = method_groups([row(method="authors-mdn")])
    assert group.lines[0].paper is None
    assert group.lines[0].cells() == ["0.50", "", "6.00", "", "3.00", "", "35 ms", ""]
    (search,) = method_groups([row("bayesian-optimization", mean_rep=None, std_rep=None, seconds=911, designs=1)])
    assert search.lines[0].cells() == ["0.50", "15.51", "–", "–", "–", "–", "15 min", "5.8 h"]


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


def test_the_headline_is_the_best_mean_beside_the_paper() -> None:
    rows = [row("pca-mdn", mean_rep=7.0), row("gan-mdn", mean_rep=6.0), row("authors-mdn", dataset="mine", mean_rep=3)]
    assert headline(rows) == (
        "On data-ii, gan-mdn comes closest: mean REP 6.00 % over 1 target (the paper reports 16.19 %). "
        "On mine, authors-mdn comes closest: mean REP 3.00 % over 1 target (not in the paper)."
    )
    assert headline([]) == "No method produced a design that could be simulated."


def test_the_caption_says_what_is_timed_and_what_failed() -> None:
    assert "simulation excluded; for Bayesian optimisation that of the whole search" in caption([row()])
    assert "All 30 designs were simulated." in caption([row()])
    assert "2 of 60 designs failed to simulate and count in no REP." in caption([row(failed=2), row()])


def test_more_failures_than_designs_are_refused() -> None:
    with pytest.raises(ValueError, match="failed must be from 0 to designs, got 31 of 30 designs"):
        row(failed=31)
