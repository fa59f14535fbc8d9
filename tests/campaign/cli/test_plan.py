"""`campaign why`, with and without the name of a spec; `campaign plan` is tested with the shipped specs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from command import campaign
from rich.console import Console

from campaign import api
from campaign.cache.stage_cache import StageCache
from campaign.cli.tables import plan_table
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import make_plan
from campaign.record.events import EventLog
from campaign.record.run_folder import keep_submission
from campaign.spec.campaign import Spec
from campaign.stages import KINDS


def test_why_names_the_stage_by_an_option(tiny_spec: Path, tmp_path: Path) -> None:
    done = campaign("why", tiny_spec, "--stage", "labels/data-ii", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "labels/data-ii is new" in done.stdout
    as_json = campaign("why", "--stage", "labels/data-ii", tiny_spec, "--json", folder=tmp_path)
    assert json.loads(as_json.stdout)["stage"] == "labels/data-ii"
    wrong = campaign("why", tiny_spec, "--stage", "lables/data-ii", folder=tmp_path)
    assert wrong.returncode == 2
    assert "has no stage 'lables/data-ii'; did you mean 'labels/data-ii'?" in wrong.stderr


def test_without_a_spec_it_is_that_of_the_latest_run(tiny_spec: Path, tmp_path: Path) -> None:
    none = campaign("why", "--stage", "labels/data-ii", folder=tmp_path)
    assert none.returncode == 2
    assert none.stderr == "no run below runs says what its spec was; name it: campaign why SPEC --stage STAGE\n"
    opened = api.Campaign.open(tiny_spec, None, tmp_path / "runs")
    plan = opened.plan()
    folder = Path(plan.run_folder)
    folder.mkdir(parents=True)
    EventLog(folder).write("run-queued")
    keep_submission(folder, opened.loaded, opened.profile, opened.cache.root, plan)
    done = campaign("why", "--stage", "labels/data-ii", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "labels/data-ii is new" in done.stdout


def test_a_plan_shows_what_finished_stages_warn_of(
    tiny_spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warning = "Target 0.60 lies outside the labels of data-ii, 0.300 to 0.550."
    monkeypatch.setattr(api.Campaign, "warnings", lambda opened, probes: (warning,))
    shown = campaign("plan", tiny_spec, folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert f"warning: {warning}" in shown.stdout
    as_json = campaign("plan", tiny_spec, "--json", folder=tmp_path)
    assert json.loads(as_json.stdout)["warnings"] == [warning]


@pytest.mark.parametrize(
    ("core_seconds", "workers", "told"),
    [
        (12.0, 1, "about 12.0 s of core time, at least 7.0 s on 1 worker"),
        (7200.0, 2, "about 2 h 00 min of core time (2.00 core-hours), at least 7.0 s on 2 workers"),
    ],
)
def test_cost_is_told_in_core_hours_where_there_are_any(
    make_spec: Callable[..., Spec], tmp_path: Path, core_seconds: float, workers: int, told: str
) -> None:
    plan = make_plan(Pipeline.of(make_spec(), KINDS), tmp_path, StageCache(tmp_path / "none"), workers)
    screen = Console(width=200)
    with screen.capture() as capture:
        screen.print(plan_table(replace(plan, core_seconds=core_seconds, wall_seconds=7.0)))
    assert told in capture.get()
