"""A run works from copies: whatever is edited meanwhile changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import campaign
from campaign import api, fingerprint, frozen
from campaign.cache import StageCache
from campaign.fingerprint import PACKAGES, PROJECT
from campaign.frozen import FrozenRun, SourceChanged, freeze
from campaign.load import LoadedSpec
from campaign.opening import Campaign
from campaign.pipeline import Pipeline, build_pipeline
from campaign.profiles import RayProfile
from campaign.run import CampaignFailed
from campaign.spec import Spec
from cluster.shipping import Source

SPEC = """\
campaign: tiny
seed: 2
datasets: {data-ii: {image_px: 64, latent: [2, 2]}}
generator:
  kind: train
  image_px: 64
  microstructures: {count: 32}
  training: {steps: 2, batch_size: 4, workers: 1, checkpoint_every: 1, features: {kind: random, filters: 2}}
physics: {include: physics.yaml}
labels: {count: 8, truncation_sample: 0}
methods: [{kind: bayesian-optimization, initial: 4, iterations: 1, batch: 1}]
targets: [0.6]
"""


@pytest.fixture
def pipeline(make_spec: Callable[..., Spec], tmp_path: Path) -> Pipeline:
    (tmp_path / "weights.pickle").write_bytes(b"first")
    return build_pipeline(make_spec(generator={"kind": "authors", "weights": tmp_path / "weights.pickle"}))


def test_the_copy_holds_every_source_file_and_is_kept_while_it_is_right(pipeline: Pipeline, tmp_path: Path) -> None:
    cache = StageCache(tmp_path / "cache")
    code = freeze(pipeline, cache, tmp_path / "run").code
    for name in PACKAGES:
        assert (code / name / "__init__.py").read_bytes() == (PROJECT / name / "__init__.py").read_bytes()
    assert list((code / "photonics" / "materials" / "data").iterdir())
    assert not list(code.rglob("*.pyc"))
    (code / "ganmdn" / "__pycache__").mkdir()
    before = code.stat().st_ino
    freeze(pipeline, cache, tmp_path / "run")
    assert code.stat().st_ino == before
    (code / "ganmdn" / "gan.py").write_text("half a cop")
    freeze(pipeline, cache, tmp_path / "run")
    assert (code / "ganmdn" / "gan.py").read_bytes() == (PROJECT / "ganmdn" / "gan.py").read_bytes()


def test_input_files_are_taken_from_a_copy(pipeline: Pipeline, tmp_path: Path) -> None:
    frozen_run = freeze(pipeline, StageCache(tmp_path / "cache"), tmp_path / "run")
    (tmp_path / "weights.pickle").write_bytes(b"edited")
    copy = frozen_run.pipeline["generator"].files["weights"]
    assert (copy.name, copy.read_bytes()) == ("weights.pickle", b"first")
    assert frozen_run.pipeline.keys == pipeline.keys


def test_a_file_edited_before_it_is_copied_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    assert pipeline.keys
    (tmp_path / "weights.pickle").write_bytes(b"edited")
    with pytest.raises(SourceChanged, match=r"weights.pickle was edited while the run was starting; submit again"):
        freeze(pipeline, StageCache(tmp_path / "cache"), tmp_path / "run")
    assert not list((tmp_path / "cache").rglob("*.partial"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's packages, copied to be edited."""
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, tmp_path / "project" / name)
    monkeypatch.setattr(fingerprint, "PROJECT", tmp_path / "project")
    return tmp_path / "project"


def test_code_edited_after_the_keys_were_made_is_refused(
    project: Path, make_spec: Callable[..., Spec], tmp_path: Path
) -> None:
    pipeline = build_pipeline(make_spec())
    assert pipeline.keys
    with (project / "ganmdn" / "latents.py").open("a") as stream:
        stream.write("EDITED = True\n")
    with pytest.raises(
        SourceChanged, match=r"the code of stage .* was edited while the run was starting; submit again"
    ):
        freeze(pipeline, StageCache(tmp_path / "cache"), tmp_path / "run")


def test_a_loaded_module_that_is_no_longer_what_its_file_says_is_refused(
    project: Path, make_spec: Callable[..., Spec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("cluster.extra")
    module.__file__ = str(project / "cluster" / "extra.py")
    (project / "cluster" / "extra.py").write_text("x = 1\n")
    monkeypatch.setitem(sys.modules, "cluster.extra", module)
    pipeline, cache = build_pipeline(make_spec()), StageCache(tmp_path / "cache")
    os.utime(module.__file__, (0, campaign.LOADED_AT - 10))
    freeze(pipeline, cache, tmp_path / "run")
    os.utime(module.__file__, (0, campaign.LOADED_AT + 10))
    with pytest.raises(SourceChanged, match=r"edited since this Python loaded it: cluster.extra; start Python again"):
        freeze(pipeline, cache, tmp_path / "run")


def test_a_module_loaded_from_an_older_copy_is_refused(
    project: Path, make_spec: Callable[..., Spec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("cluster.pool")
    module.__file__ = str(tmp_path / "older-run" / "pool.py")
    (tmp_path / "older-run").mkdir()
    Path(module.__file__).write_text("x = 1\n")
    monkeypatch.setitem(sys.modules, "cluster.pool", module)
    assert list(frozen._stale_modules(project, ["cluster"])) == ["cluster.pool"]


def test_a_standing_cluster_is_sent_the_copy(
    make_spec: Callable[..., Spec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = set()

    def join(address: str, *, source: Source, **options: Any) -> None:
        sent.add(source)
        raise ConnectionError("no Ray answers")

    monkeypatch.setattr("cluster.runtime.join", join)
    monkeypatch.setattr(FrozenRun, "imports", lambda self: nullcontext())  # other tests import the project as it is
    spec, cache, place = make_spec(), StageCache(tmp_path / "cache"), RayProfile(kind="ray", address="nowhere:1")
    frozen_run = freeze(build_pipeline(spec), cache, tmp_path / "run")
    campaign = Campaign(LoadedSpec(spec, tmp_path / "spec.yaml", "", ()), place, tmp_path, cache)
    with pytest.raises(CampaignFailed, match="no Ray answers"):
        api.execute(campaign, frozen_run, tmp_path / "run", place)
    assert sent == {Source(tmp_path / "run" / "code", PACKAGES)}


@pytest.mark.ray
@pytest.mark.long
def test_edits_of_spec_and_source_during_a_run_change_nothing(tmp_path: Path) -> None:
    """The driver stands in the source tree, where Ray's workers would find what is edited first."""
    tree = tmp_path / "tree"
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "spec.yaml").write_text(SPEC)
    physics = (PROJECT / "specs" / "physics" / "shallow-silicon.yaml").read_text()
    (tree / "physics.yaml").write_text(physics.replace("orders: {data-i: 6, data-ii: 4}", "orders: 1"))
    command = [sys.executable, "-m", "campaign", "submit", "spec.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(tree), "RAY_USAGE_STATS_ENABLED": "0"}
    process = subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while not any('"stage-started"' in log.read_text() for log in tree.glob("runs/*/events.jsonl")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    for path in [path for name in PACKAGES for path in (tree / name).rglob("*.*") if path.suffix != ".pyc"]:
        path.write_text("raise SystemExit('an edited file was read')\n")
    for name in ("spec.yaml", "physics.yaml"):
        (tree / name).write_text("edited: [")
    out, _ = process.communicate(timeout=500)
    assert process.returncode == 0, out
    (report,) = tree.glob("runs/tiny-*/report.html")
    assert "bayesian-optimization" in report.read_text()
