"""What is in a stage's key: every module of science, in turn; and nothing else of the project."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from campaign.plan import fingerprint
from campaign.plan.fingerprint import PACKAGES, PROJECT, SCIENCE
from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec
from campaign.stages import KINDS

# Science that computes no stage: it calibrates, describes images for the report, or is read while a stage is planned,
# or is for methods of other packages.
OF_NO_STAGE = {
    "campaign.stages.generator_quality",
    "campaign.stages.inverse_methods.plugged",
    "campaign.stages.search_report",
    "ganmdn.generator_quality",
    "ganmdn.statistics",
    "photonics.calibration",
    "photonics.materials",
    "photonics.materials.tables",
    "photonics.rcwa.transfer.differentiable",
}
pytestmark = pytest.mark.long
MODELLED = {"model", "designs", "verification"}
REFINED = {"model", "refinement", "verification"}
SEARCHES = {"optimization", "composite_optimization", "sampled_search"}
BETWEEN = {"aimed_latents", "low_orders"}  # of another spec: they move what others of these follow from
AFTER_LABELS = {"labels", "truncation", "tuning", *SEARCHES, *MODELLED, *REFINED, *BETWEEN}
AFTER_GENERATOR = {"generator", "latents", *AFTER_LABELS}
MOVED_BY = {
    "ganmdn.microstructures": {"microstructures", *AFTER_GENERATOR},
    "results.designs.packed_images": {"microstructures", *AFTER_GENERATOR},
    "campaign.stages.seeds": {"microstructures", *AFTER_GENERATOR},
    "ganmdn.gan": AFTER_GENERATOR,
    "photonics.rcwa": AFTER_LABELS,
    "photonics.rcwa.solver": AFTER_LABELS,
    "photonics.stack": AFTER_LABELS,
    "campaign.stages.simulator": AFTER_LABELS,
    "ganmdn.mdn": {"tuning", *MODELLED},
    "ganmdn.candidate_bank": {*REFINED, *BETWEEN},
    "ganmdn.aimed_latents": {"aimed_latents", "low_orders"},
    "ganmdn.low_orders": {"low_orders"},
    "ganmdn.refinement": {"refinement", "verification"},
    "campaign.stages.inverse_methods.flow_posterior": MODELLED,
    "ganmdn.bayesian": {"optimization"},
    "ganmdn.trust_region": {"optimization"},
    "ganmdn.composite": {"composite_optimization"},
    "ganmdn.latent_process": {"optimization", "composite_optimization", *BETWEEN},
    "ganmdn.sobol": {"sampled_search"},
    "campaign.stages.truncation": {"truncation"},
    "campaign.stages.verification": {"verification"},
}
METHODS = [
    "gan-mdn",
    "pca-mdn",
    "direct-mdn",
    {"kind": "flow-posterior", "batch_size": 16},
    {"kind": "forward-search", "verify": {"simulations_per_design": 2}},
    "nearest-labels",
    "random-labels",
    {"kind": "bayesian-optimization", "initial": 10, "iterations": 4, "batch": 2},
    {"kind": "trust-region-optimization", "initial": 10},
    {"kind": "composite-optimization", "initial": 10},
    {"kind": "sobol-search", "initial": 10},
]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's packages, copied to be edited; keys follow the copy."""
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "PROJECT", tmp_path)
    return tmp_path


def modules(tree: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(path for name in PACKAGES for path in (tree / name).rglob("*.py")):
        parts = path.relative_to(tree).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def is_science(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in SCIENCE)


@pytest.fixture
def moved(tree: Path, make_spec: Callable[..., Spec]) -> Callable[[], set[str]]:
    """Kinds of stages whose keys are other ones than before the test."""
    (tree / "weights").write_bytes(b"w")
    spec = make_spec(
        datasets={"data-ii": {"image_px": 64, "latent": [2, 2]}},
        methods=[*METHODS, {"kind": "authors-mdn", "weights": tree / "weights"}],
        tune={"trials": 2, "batch_size": [32]},
        targets=[0.6],
    )

    solved = {"kind": "forward-search", "low_orders": {"orders": 1, "labels": 20}}
    between = make_spec(
        datasets={"data-ii": {"image_px": 64, "latent": [2, 2]}},
        labels={"count": 80, "rounds": 2},
        methods=[solved],
        **{"physics.numerics.orders": 2},
    )

    def keys() -> dict[str, str]:
        others = Pipeline.of(between, KINDS).keys.items()
        return dict(Pipeline.of(spec, KINDS).keys) | {
            name: key for name, key in others if name.split("/")[0] in BETWEEN
        }

    before = keys()

    def compared() -> set[str]:
        after = keys()
        assert after.keys() == before.keys()
        return {name.split("/")[0] for name in after if after[name] != before[name]}

    return compared


def test_an_edit_of_any_module_of_science_moves_the_keys_of_the_stages_that_use_it(
    tree: Path, moved: Callable[[], set[str]]
) -> None:
    assert moved() == set()
    found = {}
    for module, path in modules(tree):
        if is_science(module):
            text = path.read_text(encoding="utf-8")
            path.write_text(f"{text}\nEDITED = True\n", encoding="utf-8")
            found[module] = moved()
            path.write_text(text, encoding="utf-8")
    assert moved() == set()
    assert {module for module, kinds in found.items() if not kinds} == OF_NO_STAGE
    assert {module: found[module] for module in MOVED_BY} == MOVED_BY


def test_an_edit_of_anything_else_moves_none(tree: Path, moved: Callable[[], set[str]]) -> None:
    others = [path for module, path in modules(tree) if not is_science(module)]
    assert len(others) > 100
    for path in others:
        with path.open("a", encoding="utf-8") as stream:
            stream.write("\nEDITED = True\n")
    assert moved() == set()
