"""What a new kind of stage needs: one file in ``campaign/stages/``, and nothing anywhere else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import campaign.stages
from campaign.cache.stage_cache import StageCache
from campaign.plan import fingerprint
from campaign.plan.fingerprint import PACKAGES, PROJECT
from campaign.plan.finished import StageResults
from campaign.plan.kind import StageKind
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import make_plan
from campaign.report.write import write_report
from campaign.run.executor import Executor
from campaign.spec.profile import InProcessProfile
from campaign.stages import find_kinds
from results.files import write_json

NEW_FILE = '''
"""How much of the labelled images is white."""

import json

from campaign.plan.config import DataSetConfig
from campaign.plan.kind import Stage, StageKind
from campaign.stages.labels import STORE, read_labels


class WhiteConfig(DataSetConfig):
    digits: int = 3


def run(config, inputs, context):
    white = read_labels(inputs["labels"] / STORE)["image"].mean()
    (context.folder / "white.json").write_text(json.dumps(round(float(white), config.digits)))


class WhiteKind(StageKind[WhiteConfig]):
    name = "white"
    schema_version = 1
    seconds_per_work = 0.5

    def stages(self, spec):
        for dataset in spec.datasets:
            yield Stage(self, WhiteConfig.make(spec, dataset), dataset, inputs={"labels": f"labels/{dataset}"})

    def work(self, config, inputs):
        return inputs["labels"].simulations

    def report(self, stages, results):
        from results.report import DataTable

        rows = [(stage.dataset, (results.folder(stage.name) / "white.json").read_text()) for stage in stages]
        yield DataTable(("data set", "white"), tuple(rows), "Mean share of white pixels.", section="white-share")
'''


@pytest.fixture
def new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file in a tree that is otherwise the project's, seen by this process and by the fingerprint."""
    for name in PACKAGES:
        (tmp_path / name).symlink_to(PROJECT / name)
    for folder in (tmp_path / "campaign", tmp_path / "campaign" / "stages"):
        true = folder.resolve()
        folder.unlink()
        folder.mkdir()
        for path in true.iterdir():
            (folder / path.name).symlink_to(path)
    path = tmp_path / "campaign" / "stages" / "white.py"
    path.write_text(NEW_FILE)
    monkeypatch.setattr(fingerprint, "PROJECT", tmp_path)
    monkeypatch.setattr(campaign.stages, "__path__", [*campaign.stages.__path__, str(path.parent)])
    yield path
    sys.modules.pop("campaign.stages.white", None)


@pytest.fixture
def kinds(new_file: Path) -> list[StageKind[Any]]:
    return list(find_kinds())


@pytest.mark.long
def test_it_is_found_planned_run_and_reported(
    kinds: list[StageKind[Any]], finished: tuple[StageResults, Path], tmp_path: Path
) -> None:
    results, run = finished[0], tmp_path / "run"
    run.mkdir()
    cache = StageCache(shutil.copytree(results.cache.root, tmp_path / "cache"))
    pipeline = Pipeline.of(results.spec, kinds)
    plan = make_plan(pipeline, tmp_path, cache, workers=1)
    (planned,) = [stage for stage in plan.stages if stage.state != "cached"]
    assert (planned.name, planned.state, planned.reads) == ("white/data-ii", "new", ("labels/data-ii",))
    assert planned.core_seconds == 21.0  # half a second a label, and the start

    Executor(pipeline, cache, InProcessProfile(kind="in-process"), run).execute()
    assert 0 < float((run / "stages" / "white" / "data-ii" / "white.json").read_text()) < 1
    assert make_plan(pipeline, tmp_path, cache, workers=1).is_cached

    write_json(run / "provenance.json", {"packages": {}})
    (run / "spec.source.yaml").write_text("")
    html = write_report(run, pipeline, cache).read_text()
    assert "<h2>White share</h2>" in html
    assert "Mean share of white pixels." in html


def test_its_key_follows_what_it_computes_and_not_what_it_says_of_itself(
    new_file: Path, kinds: list[StageKind[Any]], finished: tuple[StageResults, Path]
) -> None:
    def keys() -> dict[str, str]:
        return dict(Pipeline.of(finished[0].spec, kinds).keys)

    before = keys()
    assert "white/data-ii" in before
    new_file.write_text(NEW_FILE.replace("seconds_per_work = 0.5", "seconds_per_work = 0.25").replace("Mean", "The"))
    assert keys() == before
    new_file.write_text(NEW_FILE.replace(".mean()", ".max()"))
    assert {name for name, key in keys().items() if key != before[name]} == {"white/data-ii"}
