"""Labels in two rounds: the first of the prior, the second aimed at the targets, one store of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from campaign.cache.stage_cache import RecordIndex, StageCache
from campaign.plan.cost import core_seconds
from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec
from campaign.stages import KINDS
from campaign.stages.labels import STORE, label_count, read_labels, run
from campaign.work.context import StageContext
from results.figures.morphology import ImageSet
from results.stores.store import SimulationStore
from results.table.reach import Reach
from results.table.rows import TableRow

FIRST, COUNT = 20, 30


def pieces(results: StageResults, kind: str) -> list[object]:
    stages = [stage for stage in results.pipeline.stages if stage.kind == kind]
    return list(stages[0].descriptor.report(stages, results))


def store(results: StageResults, name: str = "labels/data-ii") -> SimulationStore:
    return SimulationStore.open(results.folder(name) / STORE)


def test_the_first_round_is_a_campaign_of_so_many_labels(make_spec: Callable[..., Spec], tmp_path: Path) -> None:
    changes = {"methods": ["nearest-labels", "random-labels"]}
    two = Pipeline.of(make_spec(**changes, labels={"count": 80, "rounds": 2, "first": 0.25}), KINDS)
    one = Pipeline.of(make_spec(**changes, labels={"count": 20}), KINDS)
    assert two.keys["labels/data-i@round-1"] == one.keys["labels/data-i"]
    assert two.keys["truncation/data-i"] == one.keys["truncation/data-i"]
    assert two.keys["model/random-labels/data-i"] == one.keys["model/random-labels/data-i"]
    assert [two[name].simulations for name in ("labels/data-i@round-1", "labels/data-i")] == [20, 60]
    assert label_count(two["labels/data-i"]) == 80
    assert core_seconds(two["aimed_latents/data-i"], two, RecordIndex(StageCache(tmp_path)))[0] > 0


def test_the_second_round_follows_the_targets(make_spec: Callable[..., Spec]) -> None:
    labels = {"labels": {"count": 80, "rounds": 2}, "methods": ["nearest-labels"]}
    before, after = (Pipeline.of(make_spec(**labels, targets=targets), KINDS).keys for targets in ([0.6], [0.7]))
    same = {name for name in before if before[name] == after[name]}
    assert same == {"microstructures", "generator"} | {
        f"{kind}/data-{number}{part}"
        for number in ("i", "ii")
        for kind, part in (("latents", ""), ("labels", "@round-1"), ("truncation", ""))
    }


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"first": 0.05}, "must leave the first round at least 8 of the 80 labels"),
        ({"first": 0.99}, "must leave the second round a label for each of the 2 targets"),
        ({"rounds": 3}, "rounds"),
        ({"rounds": 1, "first": 0.4}, "needs rounds: 2"),
    ],
)
def test_rounds_that_cannot_be_are_refused(make_spec: Callable[..., Spec], labels: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        make_spec(labels={"count": 80, "rounds": 2} | labels)


@pytest.mark.long
def test_one_store_has_both_rounds(in_two_rounds: StageResults) -> None:
    both, first = store(in_two_rounds), store(in_two_rounds, "labels/data-ii@round-1")
    columns = both.read("round", "y", "z", "image")
    assert columns["round"].tolist() == [1] * FIRST + [2] * (COUNT - FIRST)
    for name in ("y", "z", "image"):
        np.testing.assert_array_equal(columns[name][:FIRST], first.read(name)[name])
    assert in_two_rounds.record("labels/data-ii").facts["failed"] == 0


@pytest.mark.long
def test_what_was_simulated_is_not_simulated_again(
    in_two_rounds: StageResults, context: StageContext, run_after_a_stop: Callable[..., list[int]]
) -> None:
    stage = in_two_rounds.pipeline["labels/data-ii"]
    inputs = {role: in_two_rounds.folder(name) for role, name in stage.inputs.items()}
    seen = run_after_a_stop(run, stage.config, inputs)  # units of six: the fourth has rows of both rounds
    assert sum(seen) == COUNT - FIRST
    np.testing.assert_array_equal(read_labels(context.folder / STORE)["y"], read_labels(store(in_two_rounds).path)["y"])


@pytest.mark.long
def test_a_sample_of_the_prior_is_what_chance_is_judged_by(in_two_rounds: StageResults) -> None:
    y = store(in_two_rounds).read("y")["y"]
    (reach,) = (piece for piece in pieces(in_two_rounds, "labels") if isinstance(piece, Reach))
    for target in in_two_rounds.spec.targets:
        error, told = 100 * target.relative_error(y), reach.at(target)
        assert told is not None
        assert told.random_rep == pytest.approx(error[:FIRST].mean())
        assert told.share_within_1_percent == pytest.approx(np.mean(error[:FIRST] <= 1))
        assert told.oracle_rep == pytest.approx(np.sort(error)[:2].mean())
    (images,) = (piece.images for piece in pieces(in_two_rounds, "labels") if isinstance(piece, ImageSet))
    assert len(images) == FIRST, "the generator is judged by its prior"
    rows = [piece for piece in pieces(in_two_rounds, "verification") if isinstance(piece, TableRow)]
    assert {row.method: row.labels for row in rows} == {"nearest-labels": COUNT, "random-labels": FIRST}
