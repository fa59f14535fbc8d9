"""The event log: whole lines, one writer, any number of readers, whatever happens to the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign.record.events import EVENT_FILE, EventLog, EventReader, read_events


def written(folder: Path) -> EventLog:
    log = EventLog(folder)
    log.write("run-started", stages=["labels/a", "model/a"], host="node1", process=os.getpid())
    log.write("stage-started", stage="labels/a")
    log.write("progress", stage="labels/a", done=3, total=9, failed=1, best_rep=2.5, message="simulations")
    return log


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


def test_listeners_get_what_is_written(tmp_path: Path) -> None:
    first: list[dict[str, Any]] = []
    second: list[dict[str, Any]] = []
    with EventLog(tmp_path, [first.append, second.append]) as log:
        log.write("run-queued", message="waits")
    assert first == second == list(read_events(tmp_path))


def test_a_closed_log_takes_nothing_from_threads_that_come_late(tmp_path: Path) -> None:
    taken: list[dict[str, Any]] = []
    log = EventLog(tmp_path, [taken.append])
    log.close()
    log.close()
    log.write("progress", stage="labels/a", done=1, total=2)
    assert taken == list(read_events(tmp_path)) == []


def test_a_full_disk_delays_events_and_loses_none(
    tmp_path: Path, small_disk: Callable[[Path, str], None], caplog: pytest.LogCaptureFixture
) -> None:
    small_disk(tmp_path, "16k")
    log = EventLog(tmp_path)
    (tmp_path / "filler").write_bytes(bytes(12288))
    for number in range(30):
        log.write("stage-waiting", stage="labels/a", message="x" * 1000, number=number)
    assert "events wait for being written: [Errno 28] No space left on device" in caplog.text
    (tmp_path / "filler").unlink()
    small_disk(tmp_path, "1m")
    log.write("run-ended", state="done")
    assert [event.get("number") for event in read_events(tmp_path)] == [*range(30), None]
