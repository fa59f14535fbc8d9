"""REP after some tries, and what a target costs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from results.table.cost import MethodCost, break_even, mean_at_tries, method_costs, rep_at_tries, tries_of
from results.table.rows import TableRow


def test_rep_at_tries_is_the_mean_over_all_choices() -> None:
    rep = np.random.default_rng(1).uniform(0, 9, 12)
    by_hand = [np.mean([min(chosen) for chosen in combinations(rep, tries)]) for tries in (1, 3, 10)]
    np.testing.assert_allclose(rep_at_tries(rep), by_hand, rtol=1e-12)


def test_all_designs_leave_the_best_of_them_and_failures_do_not_count() -> None:
    rep = np.append(np.arange(30.0), np.nan)
    assert rep_at_tries(rep)[-1] == 0.0
    assert rep_at_tries(np.array([np.nan, 2.0])) == (2.0,)
    assert rep_at_tries(np.array([np.nan])) == ()


def test_means_go_as_far_as_every_part() -> None:
    assert mean_at_tries([(4.0, 2.0), (2.0,)]) == (3.0,)


def row(method: str, target: float, mean: float | None, labels: int | None, own: float, tries: tuple[float, ...] = ()):
    return TableRow(
        *("d", method, target, 0.1, mean, None, 1.0),
        designs=30,
        labels=labels,
        label_equivalents=own,
        rep_at_tries=tries,
    )


def test_labels_are_shared_by_targets_and_own_simulations_are_not() -> None:
    rows = [row("flow", 0.6, 1.0, 4000, 20.0), row("flow", 0.7, 3.0, 4000, 40.0), row("authors", 0.6, 1.0, None, 0.0)]
    (cost,) = method_costs(rows)
    assert (cost.mean_rep, cost.own, cost.is_search) == (2.0, 30.0, False)
    assert [cost.per_target(number) for number in (1, 5, 500)] == [4030.0, 830.0, 38.0]


@pytest.mark.parametrize(("own", "number"), [(0.0, 9.375), (400.0, None), (500.0, None)])
def test_break_even_is_where_both_cost_the_same(own: float, number: float | None) -> None:
    learnt, search = MethodCost("d", "flow", 4000, own, 1.0, 0.1), MethodCost("d", "search", 250, 400.0, None, 0.1)
    found = break_even(learnt, search)
    assert found == (pytest.approx(number) if number else None)
    if found:
        assert learnt.labels / found + learnt.own == pytest.approx(search.labels / found + search.own)


def test_tries_are_means_over_targets() -> None:
    rows = [row("flow", 0.6, 1.0, 40, 0.0, (4.0, 2.0)), row("flow", 0.7, 1.0, 40, 0.0, (2.0, 1.0))]
    assert tries_of([*rows, row("search", 0.6, None, 4, 1)]) == {("d", "flow"): (3.0, 1.5)}
