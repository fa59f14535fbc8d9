from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from campaign.cache import StageCache, StageRecord
from campaign.pipeline import Stage, build_pipeline
from campaign.plan import make_plan
from campaign.spec import Spec

MakeSpec = Callable[..., Spec]


def finish(cache: StageCache, stage: Stage, key: str, **facts: float) -> None:
    with cache.claim(stage, key, while_waiting=lambda: None):
        cache.finish(stage, StageRecord(stage.name, key, dict(stage.config), {}, 3.0, facts))


def test_a_new_campaign_is_new_all_over(make_spec: MakeSpec, tmp_path: Path) -> None:
    plan = make_plan(make_spec(), tmp_path / "runs", StageCache(tmp_path / "cache"), workers=2)
    assert {stage.state for stage in plan.stages} == {"new"}
    assert plan.simulations == 2 * (80 + 32 + 3 * 2 * 3 + 2 * 4)
    assert not plan.is_cached
    assert list(tmp_path.iterdir()) == []


def test_finished_and_interrupted_stages_are_told_apart(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, spec = StageCache(tmp_path / "cache"), make_spec()
    pipeline = build_pipeline(spec)
    finish(cache, pipeline["microstructures"], pipeline.keys["microstructures"])
    cache.partial(pipeline["generator"], pipeline.keys["generator"]).mkdir(parents=True)
    states = {stage.name: stage.state for stage in make_plan(spec, tmp_path, cache, 2).stages}
    assert states["microstructures"] == "cached"
    assert states["generator"] == "interrupted"
    assert states["labels/data-i"] == "new"


def test_cost_follows_measured_simulations(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, spec = StageCache(tmp_path / "cache"), make_spec()
    pipeline = build_pipeline(spec)
    finish(cache, pipeline["labels/data-i"], pipeline.keys["labels/data-i"], seconds_per_simulation=2.0)
    other = make_spec(**{"labels.count": 100})  # other labels, the same simulations
    planned = {stage.name: stage for stage in make_plan(other, tmp_path, cache, 2).stages}
    assert planned["labels/data-i"].core_seconds == 201.0
    assert planned["labels/data-ii"].core_seconds < 2.0


def test_the_wall_time_is_shorter_on_more_workers(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "cache")
    spec = make_spec(**{"labels.count": 4000, "physics.numerics.orders": 9})
    one, many = (make_plan(spec, tmp_path, cache, workers) for workers in (1, 16))
    assert many.wall_seconds < one.wall_seconds
    assert many.core_seconds == one.core_seconds
    assert many.key == one.key
