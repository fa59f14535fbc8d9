"""Whether a result is called good, and what is held against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ganmdn.targets import Target
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow
from results.table.truncation import TruncationError
from results.table.verdict import slope_of, verdict

REACH = Reach(
    "mine",
    400,
    (0.5,),
    (0.8,),
    (0.04,),
    (TargetReach(Target.of(0.6), 0.1, 1.0, 11.0), TargetReach(Target.of(0.7), 0.1, 1.0, 11.0)),
)
CONVERGED = TruncationError(8, 12, 32, 0, 0.001, 0.002, 0.003, 0.01, 0.04)


def rows(mean: float | None, method: str = "gan-mdn", slope: float = 1.0, **changes: Any) -> list[TableRow]:
    """Two targets; what is achieved rises by ``slope`` times what is asked."""
    return [
        TableRow(
            *("mine", method, Target.of(target), 0.5, mean, 3.0, 0.035, 30),
            truncation=CONVERGED,
            reach=REACH,
            mean_achieved=(0.6 + slope * (target - 0.6),),
            **changes,
        )
        for target in (0.6, 0.7)
    ]


@pytest.mark.parametrize(
    ("mean", "rating"), [(2.9, "good"), (3.1, "fair"), (6.9, "fair"), (7.1, "poor"), (0.4, "good")]
)
def test_it_is_as_good_as_it_goes_from_a_random_label_to_the_oracle(mean: float, rating: str) -> None:
    found = verdict(rows(mean), [REACH])
    assert found.opening == f"This run's result is {rating}."
    assert found.best == (
        f"mine is {rating}: gan-mdn comes closest, mean REP {mean:.2f} % over 2 targets "
        "(the nearest labels have 1.00 %, a random label 11.00 %).",
    )
    assert found.warnings == ()
    assert found.labels == (
        "The 400 labels of mine reach from 0.500 to 0.800 (standard deviation 0.0400). "
        "More orders move them by 5 ± 1 % of that.",
    )


def test_the_worst_data_set_names_the_whole_and_baselines_do_not_count() -> None:
    other = [replace(row, dataset="other") for row in rows(7.1)]
    found = verdict([*rows(2.0), *rows(1.0, "nearest-labels", slope=0), *other], [REACH])
    assert found.opening == "This run's result is poor."
    assert found.best[0].startswith("mine is good: gan-mdn comes closest")
    assert found.warnings == ()


def test_a_search_is_judged_by_its_best_design() -> None:
    found = verdict(rows(None, "bayesian-optimization"), [REACH])
    assert found.opening == "This run's result is good."
    assert found.best[0].startswith("mine is good: bayesian-optimization comes closest, best REP 0.50 % over 2 targets")


def test_the_paper_is_named_for_its_own_targets() -> None:
    ours = [replace(row, dataset="data-ii") for row in rows(2.0)]
    assert "; the paper reports 8.00 %)" in verdict(ours, []).best[0]


def test_labels_that_have_not_converged_take_the_result_its_ground() -> None:
    error = replace(CONVERGED, mean_absolute=0.0041, rms=0.0061)
    found = verdict(rows(2.0), [REACH], {"mine": error})
    assert found.opening == "This run's result cannot be relied on yet: its labels have not converged."
    assert found.warnings == (
        "Labels of mine have not converged: orders up to 12 instead of 8 move them by 10 ± 2 % of their standard "
        "deviation (10 % at most would be small). Raise the orders, or take a stack that needs fewer.",
    )
    assert verdict(rows(2.0), [REACH], {"mine": replace(CONVERGED, mean_absolute=None)}).warnings == ()


@pytest.mark.parametrize(("mean", "told"), [(0.30, True), (0.32, False)])
def test_a_rep_below_the_truncation_is_told(mean: float, told: bool) -> None:
    (best,) = verdict(rows(mean), [REACH]).best
    # 0.002 is 0.33 % of 0.6 and 0.29 % of 0.7.
    assert best.endswith("That is less than what 12 orders move labels by, 0.3 % of these targets.") == told
    unknown = replace(CONVERGED, mean_absolute=None)
    assert verdict(rows(mean), [REACH], {"mine": unknown}).best[0].endswith("a random label 11.00 %).")


def test_targets_out_of_reach_are_told() -> None:
    (warning,) = verdict(rows(2.0), [replace(REACH, highest=(0.65,))]).warnings
    assert warning.startswith("Target 0.70 lies outside the labels of mine, 0.500 to 0.650.")


@pytest.mark.parametrize(("slope", "told"), [(0.4, True), (0.6, False), (1.4, False), (1.6, True), (-1.0, True)])
def test_designs_that_do_not_follow_the_target_are_told(slope: float, told: bool) -> None:
    assert slope_of(rows(2.0, slope=slope)) == pytest.approx(slope)
    warnings = verdict(rows(2.0, slope=slope), [REACH]).warnings
    assert [f"asked for gan-mdn {slope:.2f}, where 1 is right" in each for each in warnings] == [True] * told


def test_of_several_properties_the_worst_slope_is_told_and_ranges_have_none() -> None:
    first, second = rows(2.0)
    low, high = (
        replace(row, target=Target.parse(text), mean_achieved=achieved)
        for row, text, achieved in ((first, "0.3,0.6..", (0.3, 0.7)), (second, "0.4,0.7..", (0.32, 0.7)))
    )
    assert slope_of([low, high]) == pytest.approx(0.2)
    assert slope_of([replace(low, target=Target.parse("0.3..,0.6..")), high]) is None


def test_one_target_has_no_slope() -> None:
    assert slope_of(rows(2.0)[:1]) is None


def test_methods_no_better_than_a_random_label_are_told() -> None:
    (warning,) = verdict([*rows(9.8), *rows(10.0, "pca-mdn"), *rows(11.0, "random-labels")], [REACH]).warnings
    assert warning == "On mine, pca-mdn (10.00 %) is hardly better than a label taken at random (11.00 %), if at all."


def test_labels_alone_are_no_failure() -> None:
    found = verdict([], [REACH], {"mine": CONVERGED})
    assert found.opening == "No method was asked for."
    assert "reach from 0.500 to 0.800" in found.labels[0]
    unknown = [replace(row, reach=None) for row in rows(2.0)]
    assert verdict(unknown, []).opening == "This run's result can be judged by no labels."
    failed = [replace(row, minimum_rep=None, mean_rep=None, mean_achieved=()) for row in rows(None)]
    assert verdict(failed, [REACH]).opening == "No method produced a design that could be simulated."


def test_the_spread_between_repeats_stands_beside_the_mean() -> None:
    found = verdict(rows(2.0, repeat_reps=(1.5, 2.5)), [REACH])
    assert "mean REP 2.00 % over 2 targets and 2 repeats, between which it spreads by 0.71 % (" in found.best[0]
