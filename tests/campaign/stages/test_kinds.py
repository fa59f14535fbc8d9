"""What every kind of stage must keep, on the stages of the small spec."""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign.plan.fingerprint import PROJECT
from campaign.plan.footprint import Footprint
from campaign.plan.kind import Stage, StageKind
from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec
from campaign.stages import KINDS

NEWER_SEARCHES = ("trust-region-optimization", "composite-optimization", "random-search", "sobol-search")
KIND_NAMES = sorted(kind.name for kind in KINDS)


@pytest.fixture
def stages_by_kind(make_spec: Callable[..., Spec], tmp_path: Path) -> dict[str, list[Stage[Any]]]:
    """Stages of all kinds, made here and published alike."""
    weights = tmp_path / "weights"
    weights.write_bytes(b"w")
    published = make_spec(
        datasets={"data-ii": {"image_px": 64, "latent": [2, 2]}},
        generator={"kind": "authors", "weights": weights},
        methods=[{"kind": "authors-mdn", "weights": weights}],
    )
    found: dict[str, list[Stage[Any]]] = {}
    verified = {"kind": "nearest-labels", "name": "looked-up", "verify": {"simulations_per_design": 2}}
    others = make_spec(methods=[verified, *({"kind": kind, "initial": 10} for kind in NEWER_SEARCHES)])
    solved = {"kind": "forward-search", "low_orders": {"orders": 1, "labels": 20}}
    rounds = make_spec(labels={"count": 80, "rounds": 2}, methods=[solved], **{"physics.numerics.orders": 2})
    for spec in (make_spec(tune={"trials": 2, "batch_size": [32]}), published, others, rounds):
        for stage in Pipeline.of(spec, KINDS).stages:
            found.setdefault(stage.kind, []).append(stage)
    return found


def test_every_kind_has_a_file_of_its_own_and_every_kind_is_here(stages_by_kind: dict[str, list[Stage[Any]]]) -> None:
    assert sorted(stages_by_kind) == KIND_NAMES
    assert {kind.module for kind in KINDS} == {f"campaign.stages.{name}" for name in KIND_NAMES}


@pytest.mark.parametrize("name", KIND_NAMES)
def test_a_config_is_the_same_after_json_and_on_a_worker(
    name: str, stages_by_kind: dict[str, list[Stage[Any]]]
) -> None:
    for stage in stages_by_kind[name]:
        stored = json.loads(json.dumps(stage.config.model_dump(mode="json")))
        assert type(stage.config).model_validate(stored) == stage.config
        assert pickle.loads(pickle.dumps(stage.config)) == stage.config


@pytest.mark.parametrize("name", KIND_NAMES)
def test_paths_of_files_are_not_in_a_config(name: str, stages_by_kind: dict[str, list[Stage[Any]]]) -> None:
    for stage in stages_by_kind[name]:
        told = stage.config.model_dump_json()
        assert not any(str(path) in told for path in stage.files.values())


@pytest.mark.parametrize("name", KIND_NAMES)
def test_a_descriptor_says_what_a_stage_costs(name: str, stages_by_kind: dict[str, list[Stage[Any]]]) -> None:
    everything = {stage.name: stage for stages in stages_by_kind.values() for stage in stages}
    for stage in stages_by_kind[name]:
        inputs = {role: everything[source] for role, source in stage.inputs.items()}
        assert stage.descriptor.work(stage.config, inputs) >= 0
        assert stage.cores is None or stage.cores >= 1
        assert isinstance(stage.descriptor.footprint(stage.config), Footprint)
        assert bool(stage.simulations) == (stage.descriptor.store is not None)
        assert (stage.seconds_each > 0) == (stage.simulations > 0)


def test_nothing_heavy_is_imported_at_the_top_of_a_kinds_file() -> None:
    heavy = (
        "torch",
        "ray",
        "zarr",
        "matplotlib",
        "ganmdn",
        "photonics",
        "results.figures",
        "results.stores.store",
        "cluster",
    )
    for path in (PROJECT / "campaign" / "stages").glob("*.py"):
        tops = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [getattr(node, "module", None) or node.names[0].name for node in tops]
        assert not [name for name in names if name.startswith(heavy)], path.name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_only_the_descriptor_stands_between_a_kind_and_the_rest(kind: StageKind[Any]) -> None:
    tree = ast.parse(Path(PROJECT, *kind.module.split(".")).with_suffix(".py").read_text())
    derived = [node.name for node in tree.body if isinstance(node, ast.ClassDef) and "StageKind" in ast.dump(node)]
    assert derived == [type(kind).__name__]
