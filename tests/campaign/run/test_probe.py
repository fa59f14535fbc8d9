"""Trial simulations: of which images, what they tell, and that plans take their times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.plan.optics import effort, simulation_of
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import make_plan
from campaign.plan.probe import Probe
from campaign.run.probe import probe
from campaign.spec.campaign import Spec
from campaign.stages import KINDS
from ganmdn.targets import Target
from results.stores.store import SimulationStore
from results.table.reach import Reach

MakeSpec = Callable[..., Spec]
REACH = Reach("data-ii", 8, (0.5,), (0.7,), (0.05,), ())
SPAN = REACH.spans()
SHOWN = Probe("data-ii", "images", 8, REACH, 0.02, (0.001,), ())


def fresh(spec: Spec, folder: Path) -> StageResults:
    return StageResults(Pipeline.of(spec, KINDS), StageCache(folder / "cache"))


def test_training_images_stand_for_a_generator_that_is_not_there(make_spec: MakeSpec, tmp_path: Path) -> None:
    tried = probe(fresh(make_spec(), tmp_path), "data-ii", 5)
    assert (tried.images, tried.simulations, tried.failed) == ("training microstructures", 5, 0)
    assert 0 < tried.reach.lowest[0] < tried.reach.highest[0] < 1
    assert len(tried.change) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_trained_generator_makes_the_first_labels(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    tried = probe(results, "data-ii", 4)
    y = SimulationStore.open(results.folder("labels/data-ii") / "labels.zarr").read("y")["y"][:4]
    assert tried.images == "generated images"
    assert (*tried.reach.lowest, *tried.reach.highest) == (pytest.approx(y.min()), pytest.approx(y.max()))


@pytest.mark.parametrize("side", [32, 64])  # that the generator is trained at; 64 are wanted
def test_own_images_are_continued_to_the_size_wanted(make_spec: MakeSpec, tmp_path: Path, side: int) -> None:
    np.save(tmp_path / "own.npy", np.random.default_rng(1).integers(0, 2, (9, side, side)))
    generator = {"kind": "train", "image_px": side, "microstructures": {"kind": "images", "path": tmp_path / "own.npy"}}
    tried = probe(fresh(make_spec(generator=generator), tmp_path), "data-ii", 4)
    assert (tried.images, tried.simulations) == ("images of your own", 4)
    assert tried.note.startswith(f"9 images read (9 of {side} x {side} pixels)")
    assert tried.note in tried.sentence()


def test_a_plan_takes_the_times_of_trials(make_spec: MakeSpec, tmp_path: Path) -> None:
    results = fresh(make_spec(), tmp_path)
    physics = simulation_of(results.spec, "data-ii").physics.model_dump(mode="json")
    tried = replace(SHOWN, timings=((effort(physics), 7.0),))
    plans = [make_plan(results.pipeline, tmp_path, results.cache, 1, probes=each) for each in ((), (tried,))]
    before, after = ({stage.name: stage for stage in plan.stages} for plan in plans)
    labels = results.spec.labels.count
    assert after["labels/data-ii"].timed
    assert after["labels/data-ii"].core_seconds >= 7.0 * labels > before["labels/data-ii"].core_seconds
    assert after["labels/data-i"] == before["labels/data-i"]  # of other orders
    assert after["truncation/data-ii"] == before["truncation/data-ii"]
    assert plans[1].to_dict()["probes"][0]["dataset"] == "data-ii"


@pytest.mark.parametrize(
    ("changes", "targets", "told"),
    [
        ({}, (0.5, 0.74), []),
        ({}, (0.5, 0.76), [f"data-ii: target 0.76 lies outside what the trials show, {SPAN}"]),
        ({}, (0.3, 0.9), [f"data-ii: targets 0.30; 0.90 lie outside what the trials show, {SPAN}"]),
        ({"simulations": 10}, (0.6,), ["data-ii: 2 of 10 trial simulations failed"]),
        (
            {"change": (0.04,)},
            (0.6,),
            [
                "data-ii: more orders move labels by 0.04, whose standard deviation is 0.05: raise orders, or take a "
                "stack that needs fewer"
            ],
        ),
        (
            {"reach": Reach("data-ii", 0, (), (), (), ()), "change": ()},
            (0.6,),
            ["data-ii: 8 of 8 trial simulations failed"],
        ),
    ],
)
def test_what_is_useless_is_told(changes: dict[str, Any], targets: tuple[float, ...], told: list[str]) -> None:
    tried = replace(SHOWN, **changes)
    assert list(tried.advice([Target.of(target) for target in targets])) == told
    assert tried.sentence().startswith(f"data-ii: {tried.simulations} images simulated")


def test_of_several_properties_each_is_told() -> None:
    reach = Reach("data-ii", 8, (0.5, 0.1), (0.7, 0.2), (0.05, 0.02), (), names=("reflection", "transmission"))
    tried = replace(SHOWN, reach=reach, change=(0.001, 0.01))
    assert "in transmission from 0.100 to 0.200" in tried.sentence()
    advice = list(tried.advice([Target.of((0.6, 0.15)), Target.parse("0.6,0.3..")]))
    assert advice[0].startswith("data-ii: target 0.60, ≥ 0.30 lies outside")
    assert advice[1].startswith("data-ii: more orders move labels by 0.01, whose standard deviation is 0.02")
