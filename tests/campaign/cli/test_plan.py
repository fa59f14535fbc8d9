"""`campaign why`, with and without the name of a spec; `campaign plan` is tested with the shipped specs."""

from __future__ import annotations

import json
from pathlib import Path

from command import campaign

from campaign import api
from campaign.record.events import EventLog
from campaign.record.run_folder import keep_submission


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
