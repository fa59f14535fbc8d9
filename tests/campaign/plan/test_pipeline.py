from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.plan.keys import PROJECT
from campaign.plan.pipeline import SCHEMA_VERSIONS, Pipeline, build_pipeline
from campaign.spec.campaign import Spec

MakeSpec = Callable[..., Spec]


def changed_stages(before: Pipeline, after: Pipeline) -> set[str]:
    return {name for name in before.keys | after.keys if before.keys.get(name) != after.keys.get(name)}


def test_every_stage_comes_after_what_it_reads(make_spec: MakeSpec) -> None:
    seen: set[str] = set()
    for stage in build_pipeline(make_spec()).stages:
        assert seen.issuperset(stage.inputs.values()), stage.name
        seen.add(stage.name)


def test_stages_of_the_small_spec(make_spec: MakeSpec) -> None:
    names = [stage.name for stage in build_pipeline(make_spec()).stages]
    assert names[:2] == ["microstructures", "generator"]
    assert names[2:] == [
        f"{stage}"
        for data in ("data-i", "data-ii")
        for stage in (
            f"latents/{data}",
            f"labels/{data}",
            f"truncation/{data}",
            *(
                f"{kind}/{method}/{data}"
                for method in ("gan-mdn", "pca-mdn", "direct-mdn")
                for kind in ("model", "designs", "verification")
            ),
            f"optimization/bayesian-optimization/{data}/0.6",
            f"optimization/bayesian-optimization/{data}/0.7",
        )
    ]


def test_every_kind_of_stage_has_a_module_and_a_version(make_spec: MakeSpec) -> None:
    kinds = {stage.kind for stage in build_pipeline(make_spec(tune={"batch_size": [32]})).stages}
    assert kinds == set(SCHEMA_VERSIONS)
    assert all((PROJECT / "campaign" / "stages" / f"{kind}.py").is_file() for kind in kinds)


def test_a_change_reaches_what_depends_on_it_and_nothing_else(make_spec: MakeSpec) -> None:
    before = build_pipeline(make_spec())
    after = build_pipeline(make_spec(**{"physics.numerics.orders": {"data-i": 2, "data-ii": 3}}))
    changed = changed_stages(before, after)
    assert changed
    assert all("data-ii" in name for name in changed)
    assert not any(name.startswith("latents") for name in changed)


def test_changing_the_targets_keeps_labels_and_models(make_spec: MakeSpec) -> None:
    changed = changed_stages(build_pipeline(make_spec()), build_pipeline(make_spec(targets=[0.6, 0.71])))
    assert {name.split("/")[0] for name in changed} == {"designs", "verification", "optimization"}
    assert "optimization/bayesian-optimization/data-i/0.6" not in changed


def test_the_seed_reaches_every_random_draw(make_spec: MakeSpec) -> None:
    before, after = build_pipeline(make_spec()), build_pipeline(make_spec(seed=2))
    assert changed_stages(before, after) == set(before.keys)


def test_tuning_stands_between_labels_and_model(make_spec: MakeSpec) -> None:
    pipeline = build_pipeline(make_spec(tune={"trials": 2, "batch_size": [32]}))
    assert pipeline["model/gan-mdn/data-i"].inputs["tuning"] == "tuning/data-i"
    assert "tuning" not in pipeline["model/pca-mdn/data-i"].inputs


def test_files_count_by_content_not_by_path(make_spec: MakeSpec, tmp_path: Path) -> None:
    keys = []
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        spec = make_spec(generator={"kind": "authors", "weights": tmp_path / name})
        keys.append(build_pipeline(spec).keys["generator"])
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "module",
    ["campaign.cli.main", "campaign.plan.plan", "campaign.spec.load", "campaign.plan.keys", "campaign.spec.campaign"],
)
def test_planning_needs_neither_torch_nor_ray(module: str) -> None:
    code = f"import {module}, sys; print(*{{'torch', 'ray', 'zarr', 'ax', 'matplotlib'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == ""


def test_a_run_made_before_keeps_its_keys(make_spec: MakeSpec) -> None:
    keys = {name: f"old-{name}" for name in build_pipeline(make_spec()).keys}
    assert build_pipeline(make_spec(), keys).keys == keys
