from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from campaign.plan.keys import PROJECT
from campaign.plan.kind import Stage, StageKind
from campaign.plan.pipeline import Pipeline, PipelineError
from campaign.spec.base import Model
from campaign.spec.campaign import Spec
from campaign.stages import KINDS

MakeSpec = Callable[..., Spec]


def changed_stages(before: Pipeline, after: Pipeline) -> set[str]:
    return {name for name in before.keys | after.keys if before.keys.get(name) != after.keys.get(name)}


def test_every_stage_comes_after_what_it_reads(make_spec: MakeSpec) -> None:
    seen: set[str] = set()
    for stage in Pipeline.of(make_spec(), KINDS).stages:
        assert seen.issuperset(stage.inputs.values()), stage.name
        seen.add(stage.name)


def test_stages_of_the_small_spec(make_spec: MakeSpec) -> None:
    names = [stage.name for stage in Pipeline.of(make_spec(), KINDS).stages]
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


def test_a_change_reaches_what_depends_on_it_and_nothing_else(make_spec: MakeSpec) -> None:
    before = Pipeline.of(make_spec(), KINDS)
    after = Pipeline.of(make_spec(**{"physics.numerics.orders": {"data-i": 2, "data-ii": 3}}), KINDS)
    changed = changed_stages(before, after)
    assert changed
    assert all("data-ii" in name for name in changed)
    assert not any(name.startswith("latents") for name in changed)


def test_changing_the_targets_keeps_labels_and_models(make_spec: MakeSpec) -> None:
    changed = changed_stages(Pipeline.of(make_spec(), KINDS), Pipeline.of(make_spec(targets=[0.6, 0.71]), KINDS))
    assert {name.split("/")[0] for name in changed} == {"designs", "verification", "optimization"}
    assert "optimization/bayesian-optimization/data-i/0.6" not in changed


def test_the_seed_reaches_every_random_draw(make_spec: MakeSpec) -> None:
    before, after = Pipeline.of(make_spec(), KINDS), Pipeline.of(make_spec(seed=2), KINDS)
    assert changed_stages(before, after) == set(before.keys)


def test_tuning_stands_between_labels_and_model(make_spec: MakeSpec) -> None:
    pipeline = Pipeline.of(make_spec(tune={"trials": 2, "batch_size": [32]}), KINDS)
    assert pipeline["model/gan-mdn/data-i"].inputs["tuning"] == "tuning/gan-mdn/data-i"
    assert "tuning" not in pipeline["model/pca-mdn/data-i"].inputs


def test_files_count_by_content_not_by_path(make_spec: MakeSpec, tmp_path: Path) -> None:
    keys = []
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        spec = make_spec(generator={"kind": "authors", "weights": tmp_path / name})
        keys.append(Pipeline.of(spec, KINDS).keys["generator"])
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.long
def test_planning_needs_neither_torch_nor_ray(tiny_spec: Path) -> None:
    code = f"""
import sys
import campaign.cli.main, campaign.doctor.diagnose, campaign.plan.plan, campaign.spec.json_schema
from campaign.plan.pipeline import Pipeline
from campaign.spec.load import load_spec
from campaign.stages import KINDS
Pipeline.of(load_spec({str(tiny_spec)!r}).spec, KINDS)
print(*{{'torch', 'ray', 'zarr', 'ax', 'matplotlib'}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == ""


def test_a_run_made_before_keeps_its_keys(make_spec: MakeSpec) -> None:
    keys = {name: f"old-{name}" for name in Pipeline.of(make_spec(), KINDS).keys}
    assert Pipeline.of(make_spec(), KINDS, keys).keys == keys


@dataclass(frozen=True)
class Made(StageKind[Model]):
    """A kind whose stages a test lists."""

    made: tuple[tuple[str, Mapping[str, str]], ...]
    name = "made"
    schema_version = 1

    def stages(self, spec: Spec) -> Iterator[Stage[Model]]:
        for part, inputs in self.made:
            yield Stage(self, Model(), part=part, inputs=inputs)


def test_what_sums_all_data_sets_up_comes_after_them(make_spec: MakeSpec) -> None:
    last = Made((("all", {"i": "labels/data-i", "ii": "labels/data-ii"}),))
    assert [stage.name for stage in Pipeline.of(make_spec(), [last, *KINDS]).stages][-1] == "made/all"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ((("a", {"x": "made/b"}),), "made/a reads made/b, and no kind of stage makes that for this spec"),
        (
            (("a", {"x": "made/b"}), ("b", {"x": "made/a"})),
            "stages read each other in a circle: made/a <- made/b <- made/a",
        ),
        ((("a", {}), ("a", {})), "2 stages are called made/a; give them a data set, method or part of their own"),
    ],
)
def test_kinds_that_do_not_fit_together_are_told(
    make_spec: MakeSpec, made: tuple[tuple[str, Mapping[str, str]], ...], message: str
) -> None:
    with pytest.raises(PipelineError) as refused:
        Pipeline.of(make_spec(), [Made(made)])
    assert str(refused.value) == message


def test_a_config_is_in_the_key_as_plain_data_with_defaults(make_spec: MakeSpec) -> None:
    pipeline = Pipeline.of(make_spec(), KINDS)
    for stage in pipeline.stages:
        plain = pipeline.parts[stage.name].config
        assert plain == json.loads(json.dumps(plain))
    assert pipeline.parts["generator"].config["training"]["beta1"] == 0.5
    assert pipeline.parts["labels/data-ii"].config["physics"]["numerics"]["orders"] == 1


def test_the_largest_training_says_how_many_workers_there_must_be(make_spec: MakeSpec) -> None:
    assert Pipeline.of(make_spec(), KINDS).training_workers == 2
