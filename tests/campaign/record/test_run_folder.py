"""A run's folder that this program cannot read is told in a line: what is wrong, where, and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import campaign

from campaign.record.run_folder import DamagedRunError, Submission, is_run, latest_spec


def change(**entries: Any) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | entries)


def cut(text: str) -> str:
    return text[:20]


def without_stages(text: str) -> str:
    return json.dumps({name: value for name, value in json.loads(text).items() if name != "stages"})


@pytest.mark.parametrize(
    ("file", "edit", "told"),
    [
        ("spec.json", change(temperature=3), "temperature: extra inputs .* another version of this program wrote it"),
        ("spec.json", cut, r"spec\.json is damaged .* `campaign submit` the spec"),
        ("plan.json", cut, r"plan\.json is damaged .* `campaign submit` the spec"),
        ("plan.json", without_stages, r"plan\.json lacks stages; copy it again"),
        ("profile.json", change(kind="quantum"), "input tag 'quantum' .* another version of this program wrote it"),
    ],
)
def test_what_cannot_be_read_is_told(
    finished_run: Path, tmp_path: Path, file: str, edit: Callable[[str], str], told: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for path in finished_run.glob("*.*"):
        if path.is_file():
            shutil.copy(path, run)
    (run / file).write_text(edit((run / file).read_text()))
    with pytest.raises(DamagedRunError, match=told):
        _ = Submission.read(run).profile
    done = campaign("resume", run)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    if file == "plan.json":
        with pytest.raises(DamagedRunError, match=told if edit is cut else "stages|cache"):
            Submission.read(run)


def test_a_plan_that_is_damaged_names_no_spec(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "events.jsonl").write_text("")
    (tmp_path / "run" / "plan.json").write_text("{")
    with pytest.raises(DamagedRunError, match=r"plan\.json is damaged"):
        latest_spec(tmp_path)


def test_a_run_that_is_only_just_being_prepared_is_one(tmp_path: Path, drive: Callable[..., Path]) -> None:
    """`campaign status RUN` right after `campaign submit`: before there is any event."""
    folder = tmp_path / "runs" / "tiny-1234"
    (folder / "logs").mkdir(parents=True)
    assert not is_run(folder)
    drive(folder)
    assert is_run(folder)
    done = campaign("status", folder)
    assert (done.returncode, done.stdout.strip()) == (0, "waiting for the run to begin")
