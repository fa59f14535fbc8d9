from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.cache.stage_cache import StageCache
from campaign.plan.cost import IN_PROCESS_FACT, LIBRARIES_S, RANKS_S
from campaign.plan.keys import KeyParts
from campaign.plan.kind import Stage
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import Inquiry, Plan, expectations, make_plan
from campaign.spec.campaign import Spec
from campaign.stages import KINDS
from campaign.stages.generator import GeneratorKind
from results.files import write_json

MakeSpec = Callable[..., Spec]


def stages_of(spec: Spec) -> Pipeline:
    return Pipeline.of(spec, KINDS)


def finish(cache: StageCache, stage: Stage, parts: KeyParts, core_seconds: float = 2.5, **facts: float) -> None:
    with cache.lease(stage.kind, parts.key, while_waiting=lambda busy: None) as lease:
        cache.finish(lease, stage.kind, parts.record(stage.name, parts.key, 3.0, core_seconds, facts))


def finish_all(spec: Spec, runs: Path, cache: StageCache) -> Plan:
    """Leave a finished run of ``spec``, without results."""
    pipeline = stages_of(spec)
    for stage in pipeline.stages:
        finish(cache, stage, pipeline.parts[stage.name])
    plan = make_plan(pipeline, runs, cache, 2)
    Path(plan.run_folder).mkdir(parents=True)
    write_json(Path(plan.run_folder) / "plan.json", plan.to_dict())
    return plan


def test_a_new_campaign_is_new_all_over(make_spec: MakeSpec, tmp_path: Path) -> None:
    plan = make_plan(stages_of(make_spec()), tmp_path / "runs", StageCache(tmp_path / "cache"), workers=2)
    assert {stage.state for stage in plan.stages} == {"new"}
    assert plan.simulations == 2 * (80 + 32 + 3 * 2 * 3 + 2 * 4)
    assert {stage.reason for stage in plan.stages} == {"was not computed before"}
    assert not plan.is_cached
    assert list(tmp_path.iterdir()) == []


def test_finished_and_interrupted_stages_are_told_apart(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, spec = StageCache(tmp_path / "cache"), make_spec()
    pipeline = stages_of(spec)
    finish(cache, pipeline["microstructures"], pipeline.parts["microstructures"])
    cache.partial("generator", pipeline.keys["generator"]).mkdir(parents=True)
    states = {stage.name: stage.state for stage in make_plan(pipeline, tmp_path, cache, 2).stages}
    assert states["microstructures"] == "cached"
    assert states["generator"] == "interrupted"
    assert states["labels/data-i"] == "new"


def test_what_a_submission_expects_of_its_stages_is_read_from_its_plan(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, spec = StageCache(tmp_path / "cache"), make_spec()
    pipeline = stages_of(spec)
    finish(cache, pipeline["microstructures"], pipeline.parts["microstructures"])
    plan = make_plan(pipeline, tmp_path, cache, 2)
    assert expectations(tmp_path) == {}
    write_json(tmp_path / "plan.json", plan.to_dict())
    expected = expectations(tmp_path)
    assert "microstructures" not in expected["planned"]
    assert sum(expected["planned"].values()) == pytest.approx(plan.core_seconds)
    assert expected["planned_seconds"] == plan.wall_seconds


def test_cost_follows_measured_simulations(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, spec = StageCache(tmp_path / "cache"), make_spec()
    pipeline = stages_of(spec)
    finish(cache, pipeline["labels/data-i"], pipeline.parts["labels/data-i"], seconds_per_simulation=2.0)
    other = make_spec(**{"labels.count": 100})  # other labels, the same simulations
    planned = {stage.name: stage for stage in make_plan(stages_of(other), tmp_path, cache, 2).stages}
    assert planned["labels/data-i"].core_seconds == 201.0
    assert planned["labels/data-ii"].core_seconds < 2.0


def test_the_wall_time_is_shorter_on_more_workers(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "cache")
    pipeline = stages_of(make_spec(**{"labels.count": 4000, "physics.numerics.orders": 9}))
    one, many = (make_plan(pipeline, tmp_path, cache, workers) for workers in (1, 16))
    assert many.wall_seconds < one.wall_seconds
    assert many.core_seconds == one.core_seconds
    assert many.key == one.key


def test_a_failed_stage_says_why_and_is_tried_again(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, spec = StageCache(tmp_path / "cache"), make_spec()
    pipeline = stages_of(spec)
    stage, key = pipeline["microstructures"], pipeline.keys["microstructures"]
    with cache.lease(stage.kind, key, while_waiting=lambda busy: None) as lease:
        cache.note_failure(lease, "ValueError: no such luck")
    planned = make_plan(pipeline, tmp_path, cache, 2).stages[0]
    assert (planned.state, planned.reason) == ("failed", "is tried again; last time: ValueError: no such luck")
    with cache.lease(stage.kind, key, while_waiting=lambda busy: None) as lease:
        cache.forget_failure(lease)
    assert make_plan(pipeline, tmp_path, cache, 2).stages[0].state == "interrupted"


def test_what_changed_since_the_last_run_is_named(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "cache")
    assert finish_all(make_spec(), tmp_path, cache).is_cached
    edited = make_spec(**{"physics.numerics.orders": {"data-i": 3, "data-ii": 1}, "designs_per_target": 4})
    planned = {stage.name: stage for stage in make_plan(stages_of(edited), tmp_path, cache, 2).stages}
    assert planned["latents/data-i"].state == "cached"
    assert planned["labels/data-i"].state == "changed"
    assert planned["labels/data-i"].reason == "physics.numerics.orders 2 -> 3"
    assert planned["model/gan-mdn/data-i"].reason == "physics.numerics.orders 2 -> 3"
    assert planned["designs/gan-mdn/data-ii"].reason == "designs_per_target 3 -> 4"
    assert make_plan(stages_of(edited), tmp_path, cache, 2).counts["changed"] == sum(
        stage.state == "changed" for stage in planned.values()
    )


def test_another_campaign_that_shares_the_cache_is_new(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "cache")
    finish_all(make_spec(), tmp_path, cache)
    other = make_spec(campaign="other", seed=2)
    assert {stage.state for stage in make_plan(stages_of(other), tmp_path, cache, 2).stages} == {"new"}


def test_why_follows_inputs_to_what_was_edited(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "cache")
    finish_all(make_spec(), tmp_path, cache)
    edited = make_spec(**{"labels.count": 90, "mdn.components": 7})
    inquiry = Inquiry(stages_of(edited), cache, tmp_path)
    explanation = inquiry.explain(inquiry.pipeline["model/pca-mdn/data-i"])
    assert explanation.state == "changed"
    assert explanation.nearest is not None
    assert explanation.nearest[0] == "model/pca-mdn/data-i"
    field, labels = explanation.differences
    assert (field.item, field.name, field.before, field.now) == ("field", "mdn.components", 40, 7)
    assert (labels.item, labels.name, labels.stage) == ("input", "labels", "labels/data-i")
    (latents,) = labels.because
    assert [str(each) for each in latents.because] == ["count 80 -> 90"]
    cached = inquiry.explain(inquiry.pipeline["microstructures"])
    assert (cached.state, cached.differences) == ("cached", ())


def test_why_names_code_files_and_versions(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, spec = StageCache(tmp_path / "cache"), make_spec()
    pipeline = stages_of(spec)
    stage, parts = pipeline["labels/data-i"], pipeline.parts["labels/data-i"]
    code = {**parts.code, "photonics.rcwa.solver": "other", "photonics.gone": "old"}
    del code["campaign.stages.simulator"]
    old = KeyParts(parts.kind, parts.config, parts.inputs, {"weights": "w"}, parts.schema - 1, code)
    finish(cache, stage, old)
    inquiry = Inquiry(pipeline, cache, tmp_path)
    assert [str(each) for each in inquiry.explain(stage).differences] == [
        "file weights is gone",
        f"version of its results {parts.schema - 1} -> {parts.schema}",
        "code campaign.stages.simulator is new",
        "code photonics.gone is gone",
        "code photonics.rcwa.solver edited",
    ]


def test_the_nearest_result_is_the_one_that_shares_most(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "cache")
    for seed, count in ((1, 70), (2, 80)):
        finish_all(make_spec(campaign=f"c{seed}", seed=seed, **{"labels.count": count}), tmp_path, cache)
    inquiry = Inquiry(stages_of(make_spec(seed=1, **{"labels.count": 75})), cache, tmp_path)
    assert [str(each) for each in inquiry.explain(inquiry.pipeline["latents/data-i"]).differences] == ["count 70 -> 75"]


def test_timings_of_other_sizes_tell_start_up_and_rate_apart(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, training = StageCache(tmp_path / "cache"), make_spec().generator.training.model_dump()  # type: ignore[union-attr]

    def trained(steps: int) -> Pipeline:
        return stages_of(make_spec(**{"generator.training": {**training, "steps": steps}}))

    expected = GeneratorKind.seconds_per_work * 16 * 32**2
    for steps in (600, 6000):
        pipeline = trained(steps)
        timing = 20.0 + 3 * expected * steps  # on a machine of a third of the speed that starts in 20 s
        finish(cache, pipeline["generator"], pipeline.parts["generator"], timing, work=16 * 32**2 * steps)
    planned = {stage.name: stage for stage in make_plan(trained(60_000), tmp_path, cache, 2).stages}
    assert planned["generator"].timed
    assert planned["generator"].core_seconds == pytest.approx(20.0 + 3 * expected * 60_000, rel=0.25)
    assert not planned["latents/data-i"].timed


def test_room_grows_with_what_is_left(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "cache")
    small, large = (
        make_plan(stages_of(make_spec(**{"labels.count": n})), tmp_path, cache, 2, rows_wanted=32) for n in (80, 8000)
    )
    assert large.disk_bytes > small.disk_bytes + 2 * 7920 * 500
    assert large.files == small.files + 2 * 247 * 13
    finished = finish_all(make_spec(), tmp_path, cache)
    assert (finished.disk_bytes, finished.files) == (0, 0)


def test_a_repeat_takes_as_long_as_another_one_of_the_same(make_spec: MakeSpec, tmp_path: Path) -> None:
    cache, pipeline = StageCache(tmp_path / "cache"), stages_of(make_spec(repeats=2))
    stage = pipeline["model/direct-mdn/data-i"]
    work = stage.descriptor.work(stage.config, pipeline.inputs_of(stage))
    finish(cache, stage, pipeline.parts[stage.name], 1234.0, work=work)
    planned = {each.name: each for each in make_plan(pipeline, tmp_path, cache, 2).stages}
    assert planned["model/direct-mdn/data-i"].state == "cached"
    again = planned["model/direct-mdn/data-i@repeat-2"]
    assert (again.state, again.core_seconds, again.timed) == ("new", 1234.0, True)


def test_in_one_process_nothing_of_ray_is_started_and_libraries_are_loaded_once(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    pipeline, cache = stages_of(make_spec(methods=["gan-mdn"])), StageCache(tmp_path / "cache")
    apart, together = (make_plan(pipeline, tmp_path, cache, 1, in_process=each) for each in (False, True))
    starts = {each.name: each.core_seconds for each in together.stages}
    beside = {name: starts[name] - stage.descriptor.seconds_in_process for name, stage in pipeline._by_name.items()}
    assert starts["microstructures"] == pytest.approx(LIBRARIES_S + 0.1, abs=0.05)
    assert sum(beside.values()) - LIBRARIES_S < 2.0  # next to no work
    assert apart.core_seconds > together.core_seconds + RANKS_S + 0.9 * (len(starts) - 1)
    finish(cache, pipeline["microstructures"], pipeline.parts["microstructures"])
    later = {each.name: each.core_seconds for each in make_plan(pipeline, tmp_path, cache, 1, in_process=True).stages}
    assert later["generator"] == pytest.approx(starts["generator"] + LIBRARIES_S)


@pytest.mark.parametrize(("was", "expected"), [(True, 7.0), (False, 7.0 - 5.0 - RANKS_S)])
def test_a_timing_counts_without_the_start_up_of_where_it_was_made(
    make_spec: MakeSpec, tmp_path: Path, was: bool, expected: float
) -> None:
    cache, pipeline = StageCache(tmp_path / "cache"), stages_of(make_spec())
    stage = pipeline["generator"]
    work = stage.descriptor.work(stage.config, {})
    finish(cache, stage, pipeline.parts[stage.name], 7.0, work=work, **{IN_PROCESS_FACT: was})
    planned = {each.name: each for each in make_plan(pipeline, tmp_path, cache, 1, in_process=True).stages}
    assert planned["generator"].core_seconds == pytest.approx(max(0.0, expected) + (not was) * 0.1)
