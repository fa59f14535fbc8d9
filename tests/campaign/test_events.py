from __future__ import annotations

import os
from pathlib import Path

from campaign.events import EVENT_FILE, EventLog, read_events, run_status


def written(folder: Path, process: int) -> EventLog:
    log = EventLog(folder)
    log.write("run-started", stages=["labels/a", "model/a"], process=process)
    log.write("stage-started", stage="labels/a")
    log.write("progress", stage="labels/a", done=3, total=9, failed=1, message="simulations")
    return log


def test_status_follows_the_events(tmp_path: Path) -> None:
    log = written(tmp_path, os.getpid())
    status = run_status(tmp_path)
    assert status.state == "running"
    labels = status.stages["labels/a"]
    assert (labels.state, labels.done, labels.total, labels.failed) == ("running", 3, 9, 1)
    assert status.stages["model/a"].state == "waiting"
    log.write("stage-ended", stage="labels/a", state="done", seconds=2.5)
    log.write("run-ended", state="done")
    status = run_status(tmp_path)
    assert (status.state, status.stages["labels/a"].state, status.stages["labels/a"].seconds) == ("done", "done", 2.5)


def test_a_run_whose_process_is_gone_was_interrupted(tmp_path: Path) -> None:
    written(tmp_path, process=2**22 + 1)  # above the kernel's largest process id
    assert run_status(tmp_path).state == "interrupted"


def test_a_line_cut_short_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path, os.getpid()).close()
    with (tmp_path / EVENT_FILE).open("a") as stream:
        stream.write('{"time": 1, "event": "stage-en')
    assert [event["event"] for event in read_events(tmp_path)] == ["run-started", "stage-started", "progress"]


def test_a_continued_run_starts_its_stages_afresh(tmp_path: Path) -> None:
    written(tmp_path, os.getpid())
    EventLog(tmp_path).write("run-started", stages=["labels/a"], process=os.getpid())
    assert run_status(tmp_path).stages["labels/a"].state == "waiting"


def test_no_log_is_an_unknown_run(tmp_path: Path) -> None:
    assert run_status(tmp_path).state == "unknown"
