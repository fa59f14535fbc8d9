"""What designs have cost, by records of stages that were computed here and by facts as methods leave them."""

from __future__ import annotations

from pathlib import Path

from campaign.plan.finished import StageResults
from campaign.plan.spent import Spent, SpentByRepeats

FACTS = {"design_seconds": {"0.6": 0.5, "0.7": 0.25}}


def test_labels_are_those_that_the_method_learnt_from(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    spent = Spent.of(results.pipeline["verification/gan-mdn/data-ii"], results)
    assert spent.labels == 40
    assert spent.seconds(0.6) == results.record("designs/gan-mdn/data-ii").facts["design_seconds"]["0.6"]
    assert (spent.simulations(0.6), spent.label_equivalents(0.6)) == (0, 0.0)


def test_a_method_that_simulates_says_so_by_target_or_for_each() -> None:
    by_target = Spent(60, FACTS | {"simulations": {"0.6": 90, "0.7": 4}, "label_equivalents": {"0.6": 4.5, "0.7": 0.2}})
    assert (by_target.simulations(0.7), by_target.label_equivalents(0.7)) == (4, 0.2)
    for_each = Spent(60, FACTS | {"simulations": 30})
    assert (for_each.simulations(0.7), for_each.label_equivalents(0.7)) == (30, 30.0)


def test_repeats_cost_what_one_of_them_does_on_average() -> None:
    facts = [
        {"design_seconds": {"0.6": seconds}, "simulations": {"0.6": count}} for seconds, count in ((1, 90), (2, 95))
    ]
    spent = SpentByRepeats(tuple(Spent(60, each) for each in facts))
    assert (spent.labels, spent.seconds(0.6)) == (60, 1.5)
    assert (spent.simulations(0.6), spent.label_equivalents(0.6)) == (92, 92.5)
