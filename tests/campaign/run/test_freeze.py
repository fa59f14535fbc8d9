"""A run works from copies: whatever is edited meanwhile changes nothing (test_plugins.py edits all of it)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import campaign
from campaign.cache.stage_cache import StageCache
from campaign.plan import fingerprint
from campaign.plan.fingerprint import PACKAGES, PROJECT
from campaign.plan.pipeline import Pipeline
from campaign.run import freeze as frozen
from campaign.run.campaign import Campaign
from campaign.run.drive import execute
from campaign.run.endings import CampaignFailedError
from campaign.run.freeze import FrozenRun, SourceChangedError, freeze
from campaign.spec.campaign import Spec
from campaign.spec.load import LoadedSpec
from campaign.spec.profile import RayProfile
from campaign.stages import KINDS
from cluster.driver.source import Source

pytestmark = pytest.mark.long


@pytest.fixture
def pipeline(make_spec: Callable[..., Spec], tmp_path: Path) -> Pipeline:
    (tmp_path / "weights.pickle").write_bytes(b"first")
    return Pipeline.of(make_spec(generator={"kind": "authors", "weights": tmp_path / "weights.pickle"}), KINDS)


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


def test_an_input_folder_is_taken_from_a_copy(make_spec: Callable[..., Spec], tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.png").write_bytes(b"first")
    own = {"kind": "images", "path": tmp_path / "scans"}
    spec = make_spec(generator={"kind": "train", "image_px": 32, "microstructures": own})
    made = Pipeline.of(spec, KINDS)
    copy = freeze(made, StageCache(tmp_path / "cache"), tmp_path / "run").pipeline["microstructures"].files["images"]
    (tmp_path / "scans" / "a.png").write_bytes(b"edited")
    assert [(each.name, each.read_bytes()) for each in copy.iterdir()] == [("a.png", b"first")]


def test_input_files_are_taken_from_a_copy(pipeline: Pipeline, tmp_path: Path) -> None:
    frozen_run = freeze(pipeline, StageCache(tmp_path / "cache"), tmp_path / "run")
    (tmp_path / "weights.pickle").write_bytes(b"edited")
    copy = frozen_run.pipeline["generator"].files["weights"]
    assert (copy.name, copy.read_bytes()) == ("weights.pickle", b"first")
    assert frozen_run.pipeline.keys == pipeline.keys


def test_a_file_edited_before_it_is_copied_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    assert pipeline.keys
    (tmp_path / "weights.pickle").write_bytes(b"edited")
    with pytest.raises(SourceChangedError, match=r"weights.pickle was edited while the run was starting; submit again"):
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
    pipeline = Pipeline.of(make_spec(), KINDS)
    assert pipeline.keys
    with (project / "ganmdn" / "latents.py").open("a") as stream:
        stream.write("EDITED = True\n")
    with pytest.raises(
        SourceChangedError, match=r"the code of stage .* was edited while the run was starting; submit again"
    ):
        freeze(pipeline, StageCache(tmp_path / "cache"), tmp_path / "run")


def test_a_loaded_module_that_is_no_longer_what_its_file_says_is_refused(
    project: Path, make_spec: Callable[..., Spec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("cluster.extra")
    module.__file__ = str(project / "cluster" / "extra.py")
    (project / "cluster" / "extra.py").write_text("x = 1\n")
    monkeypatch.setitem(sys.modules, "cluster.extra", module)
    pipeline, cache = Pipeline.of(make_spec(), KINDS), StageCache(tmp_path / "cache")
    os.utime(module.__file__, (0, campaign.LOADED_AT - 10))
    freeze(pipeline, cache, tmp_path / "run")
    os.utime(module.__file__, (0, campaign.LOADED_AT + 10))
    with pytest.raises(
        SourceChangedError, match=r"edited since this Python loaded it: cluster.extra; start Python again"
    ):
        freeze(pipeline, cache, tmp_path / "run")


def test_a_module_loaded_from_an_older_copy_is_refused(
    project: Path, make_spec: Callable[..., Spec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("cluster.pool.pool")
    module.__file__ = str(tmp_path / "older-run" / "pool.py")
    (tmp_path / "older-run").mkdir()
    Path(module.__file__).write_text("x = 1\n")
    monkeypatch.setitem(sys.modules, "cluster.pool.pool", module)
    assert list(frozen._stale_modules(project, ["cluster"])) == ["cluster.pool.pool"]


def test_modules_may_be_imported_while_loaded_ones_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    class Modules(dict[str, ModuleType]):
        """Grows as soon as somebody has read the first name, as another thread's import would have it."""

        def items(self) -> Any:
            for pair in super().items():
                self[f"imported_{len(self)}"] = ModuleType("imported")
                yield pair

        def copy(self) -> dict[str, ModuleType]:
            return dict(super().items())

    monkeypatch.setattr(frozen.sys, "modules", Modules(sys.modules))
    assert list(frozen._stale_modules(PROJECT, ["no_such_package"])) == []


def test_a_standing_cluster_is_sent_the_copy(
    make_spec: Callable[..., Spec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = set()

    def join(address: str, *, source: Source, **options: Any) -> None:
        sent.add(source)
        raise ConnectionError("no Ray answers")

    monkeypatch.setattr("cluster.driver.runtime.join", join)
    monkeypatch.setattr(FrozenRun, "imports", lambda self: nullcontext())  # other tests import the project as it is
    spec, cache, place = make_spec(), StageCache(tmp_path / "cache"), RayProfile(kind="ray", address="nowhere:1")
    frozen_run = freeze(Pipeline.of(spec, KINDS), cache, tmp_path / "run")
    campaign = Campaign(LoadedSpec(spec, tmp_path / "spec.yaml", "", ()), place, tmp_path, cache)
    with pytest.raises(CampaignFailedError, match="no Ray answers"):
        execute(campaign, frozen_run, tmp_path / "run", place)
    assert sent == {Source(tmp_path / "run" / "code", PACKAGES)}
