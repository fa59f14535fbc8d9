from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.record import events
from campaign.record.events import EVENT_FILE, EventLog, EventReader, Follower, read_events, run_status


def written(folder: Path) -> EventLog:
    log = EventLog(folder)
    log.write("run-started", stages=["labels/a", "model/a"], host="node1", process=os.getpid())
    log.write("stage-started", stage="labels/a")
    log.write("progress", stage="labels/a", done=3, total=9, failed=1, best_rep=2.5, message="simulations")
    return log


def test_status_follows_the_events(tmp_path: Path, drive: Callable[..., Path]) -> None:
    drive(tmp_path)
    log = written(tmp_path)
    status = run_status(tmp_path)
    assert (status.state, status.host, status.failed) == ("running", "node1", 1)
    labels = status.stages["labels/a"]
    assert (labels.state, labels.done, labels.total, labels.failed, labels.best_rep) == ("running", 3, 9, 1, 2.5)
    assert status.stages["model/a"].state == "waiting"
    log.write("cluster-started", cpus=2, workers=2)
    log.write("cluster-changed", cpus=4, workers=4)
    log.write("stage-ended", stage="labels/a", state="done", seconds=2.5)
    log.write("run-ended", state="done")
    status = run_status(tmp_path)
    assert status.cpus == 4
    assert (status.state, status.stages["labels/a"].state, status.stages["labels/a"].seconds) == ("done", "done", 2.5)


def test_a_run_whose_driver_is_gone_was_interrupted(tmp_path: Path, drive: Callable[..., Path]) -> None:
    drive(tmp_path, process=2**22 + 1)  # above the kernel's largest process id
    written(tmp_path)
    assert run_status(tmp_path).state == "interrupted"


def test_a_run_that_never_had_a_driver_was_interrupted(tmp_path: Path) -> None:
    written(tmp_path)
    assert run_status(tmp_path).state == "interrupted"


def test_the_last_word_of_a_driver_that_ends_between_two_looks_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = written(tmp_path)

    def ends_meanwhile(folder: Path) -> bool:
        log.write("run-ended", state="done")
        return False

    monkeypatch.setattr(events, "has_driver", ends_meanwhile)
    assert run_status(tmp_path).state == "done"


def test_a_line_cut_short_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    written(tmp_path).close()
    with (tmp_path / EVENT_FILE).open("a") as stream:
        stream.write('{"time": 1, "event": "stage-en')
    assert [event["event"] for event in read_events(tmp_path)] == ["run-started", "stage-started", "progress"]
    EventLog(tmp_path).write("run-ended", state="failed")  # not glued to the half line
    assert [event["event"] for event in read_events(tmp_path)][3:] == ["run-ended"]


def test_a_reader_gets_each_event_once_and_waits_for_whole_lines(tmp_path: Path) -> None:
    reader = EventReader(tmp_path)
    assert list(reader.new()) == []
    log = written(tmp_path)
    assert len(list(reader.new())) == 3
    assert list(reader.new()) == []
    with (tmp_path / EVENT_FILE).open("a") as stream:
        stream.write('{"time": 5, "event": "run-')
        stream.flush()
        assert list(reader.new()) == []
        stream.write('ended", "state": "done"}\n')
    assert [event["event"] for event in reader.new()] == ["run-ended"]
    log.close()


def test_a_continued_run_starts_its_stages_afresh(tmp_path: Path) -> None:
    written(tmp_path)
    EventLog(tmp_path).write("run-started", stages=["labels/a"], process=os.getpid())
    assert run_status(tmp_path).stages["labels/a"].state == "waiting"


def test_the_pace_leaves_out_what_an_earlier_start_had_done(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    for time, done in ((100.0, 500), (110.0, 520)):
        follower.status.stages.setdefault("labels/a", events.StageStatus(state="running", started=90.0))
        follower.status.apply({"time": time, "event": "progress", "stage": "labels/a", "done": done, "total": 900})
    assert follower.status.stages["labels/a"].rate(now=110.0) == pytest.approx(2.0)


def test_no_log_is_an_unknown_run(tmp_path: Path) -> None:
    assert run_status(tmp_path).state == "unknown"
