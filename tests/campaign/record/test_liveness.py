"""Whether a run lives: every combination of what its events, its driver and its queue say."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.cache.stage_cache import RECORD_FILE
from campaign.record import liveness
from campaign.record.events import EventLog
from campaign.record.liveness import Follower, JobPhase, JobReport, judge, run_status
from campaign.record.run_folder import link_stage
from campaign.record.status import RunStatus

Drive = Callable[..., Path]
GONE = "results of 1 stage were removed since: `campaign resume {}` computes what is needed again"
WAITING = JobReport(JobPhase.WAITING, "job 17 waits")
RUNNING = JobReport(JobPhase.RUNNING, "job 17 runs on node1")
ENDED = JobReport(JobPhase.ENDED, "job 17 was cancelled in Slurm")
SILENT = "job 17 runs on node1; its driver gives no sign"
UNKNOWN = "its driver gives no sign, and nothing is known of its job"


class Queue:
    """A queue with one answer after the other, the last one for ever."""

    def __init__(self, *reports: JobReport | None) -> None:
        self.reports = list(reports)
        self.news: list[bool] = []

    def report(self, status: RunStatus, has_news: bool) -> JobReport | None:
        self.news.append(has_news)
        return self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]


def begun(folder: Path) -> EventLog:
    log = EventLog(folder)
    log.write("run-started", stages=["labels/a"], host="node1", process=os.getpid())
    return log


@pytest.mark.parametrize(
    ("state", "is_driven", "has_queue", "report", "judged"),
    [
        ("done", False, True, RUNNING, ("done", "by events")),
        ("unknown", False, False, None, ("unknown", "by events")),
        ("running", True, False, None, ("running", "by events")),
        ("running", False, False, None, ("interrupted", "by events")),
        ("queued", False, False, None, ("queued", "by events")),  # it begins again, in the same process
        ("running", True, True, None, ("running", "by events")),
        ("queued", False, True, None, ("queued", "by events")),
        ("running", True, True, RUNNING, ("running", "by events; job 17 runs on node1")),
        ("running", False, True, RUNNING, ("running", SILENT)),
        ("queued", True, True, RUNNING, ("queued", "job 17 runs on node1")),
        ("running", False, True, WAITING, ("queued", "job 17 waits")),  # requeued
        ("running", True, True, WAITING, ("queued", "job 17 waits")),  # and its heartbeat is not old yet
        ("queued", False, True, WAITING, ("queued", "job 17 waits")),
        ("running", True, True, ENDED, ("interrupted", "job 17 was cancelled in Slurm")),
        ("queued", False, True, ENDED, ("interrupted", "job 17 was cancelled in Slurm")),
        ("queued", True, True, ENDED, ("queued", "by events")),  # it is being sent
    ],
)
def test_what_is_known_is_judged_together(
    state: str, is_driven: bool, has_queue: bool, report: JobReport | None, judged: tuple[str, str]
) -> None:
    assert judge(RunStatus(state=state, message="by events"), is_driven, has_queue, report) == judged


def test_a_queue_that_does_not_answer_ends_no_run() -> None:
    assert judge(RunStatus(state="running"), False, True, None) == ("running", UNKNOWN)


def test_a_run_without_a_driver_was_interrupted(tmp_path: Path, drive: Drive) -> None:
    begun(tmp_path).write("stage-started", stage="labels/a")
    status = run_status(tmp_path)
    assert (status.state, status.stages["labels/a"].state) == ("interrupted", "interrupted")
    drive(tmp_path)
    assert run_status(tmp_path).state == "running"
    drive(tmp_path, process=2**22 + 1)  # above the kernel's largest process id
    assert run_status(tmp_path).state == "interrupted"


def test_no_log_is_an_unknown_run(tmp_path: Path) -> None:
    assert run_status(tmp_path, Queue(ENDED)).state == "unknown"


def test_the_last_event_of_a_driver_that_ends_between_two_looks_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = begun(tmp_path)

    def ends_meanwhile(folder: Path) -> bool:
        log.write("run-ended", state="done")
        return False

    monkeypatch.setattr(liveness, "has_driver", ends_meanwhile)
    assert run_status(tmp_path).state == "done"
    assert run_status(tmp_path, Queue(ENDED)).state == "done"


def test_a_follower_says_what_no_event_says_once(tmp_path: Path, drive: Drive) -> None:
    drive(tmp_path)
    log = begun(tmp_path)
    queue = Queue(None, WAITING, WAITING, RUNNING)
    follower = Follower(tmp_path, queue)
    assert [event["event"] for event in follower.refresh()] == ["run-started"]
    (waits,) = follower.refresh()
    assert (waits["event"], waits["state"], waits["message"]) == ("status", "queued", "job 17 waits")
    assert follower.status.state == "queued"
    assert follower.refresh() == []
    log.write("stage-started", stage="labels/a")
    started, runs = follower.refresh()
    assert started["event"] == "stage-started"
    assert (runs["state"], runs["message"]) == ("running", "job 17 runs on node1")
    assert queue.news == [True, False, False, True]


def test_events_come_until_the_end(tmp_path: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "POLL_SECONDS", 0.01)
    drive(tmp_path)
    log, begins = begun(tmp_path), threading.Event()

    def end() -> None:
        assert begins.wait(60)
        log.write("run-ended", state="failed", message="no luck")

    threading.Thread(target=end).start()
    seen = []
    for event in Follower(tmp_path).events():
        seen.append(event["event"])
        begins.set()
    assert seen == ["run-started", "run-ended"]


def test_a_driver_that_dies_is_the_last_that_is_seen(tmp_path: Path) -> None:
    begun(tmp_path)
    assert [event["event"] for event in Follower(tmp_path).events()] == ["run-started", "status"]


def test_a_result_that_is_no_longer_there_is_told(tmp_path: Path) -> None:
    folder, result = tmp_path / "run", tmp_path / "cache" / "labels" / "key"
    folder.mkdir()
    result.mkdir(parents=True)
    (result / RECORD_FILE).write_text("{}")
    with begun(folder) as log:
        log.write("stage-ended", stage="labels/a", state="done", peak_bytes=7)
        log.write("run-ended", state="done")
    link_stage(folder, "labels/a", result)
    status = run_status(folder)
    assert (status.state, status.message, status.stages["labels/a"].state) == ("done", "", "done")
    assert status.stages["labels/a"].peak_bytes == 7
    (result / RECORD_FILE).unlink()
    status = run_status(folder)
    assert (status.message, status.stages["labels/a"].state) == (GONE.format(folder), "removed")
