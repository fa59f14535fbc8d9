"""Where a run stands by its events, which are folded here one by one."""

from __future__ import annotations

from typing import Any

import pytest

from campaign.record.status import RunStatus

BEGUN: list[dict[str, Any]] = [
    {"event": "run-started", "stages": ["labels/a", "model/a"], "host": "node1", "process": 7},
    {"event": "stage-started", "stage": "labels/a"},
    {"event": "stage-working", "stage": "labels/a"},
    {"event": "progress", "stage": "labels/a", "done": 3, "total": 9, "failed": 1, "best_rep": 2.5},
]


def status_after(*events: dict[str, Any]) -> RunStatus:
    """Status after events at seconds 1, 2, 3 and so on."""
    status = RunStatus()
    for number, event in enumerate(events, 1):
        status.apply({"time": float(number), **event})
    return status


def test_status_follows_the_events() -> None:
    status = status_after(*BEGUN)
    assert (status.state, status.host, status.process, status.failed) == ("running", "node1", 7, 1)
    labels = status.stages["labels/a"]
    assert (labels.state, labels.done, labels.total, labels.failed, labels.best_rep) == ("running", 3, 9, 1, 2.5)
    assert status.stages["model/a"].state == "waiting"
    status = status_after(
        *BEGUN,
        {"event": "cluster-started", "cpus": 2, "workers": 2},
        {"event": "cluster-changed", "cpus": 4, "workers": 4},
        {"event": "stage-ended", "stage": "labels/a", "state": "done", "seconds": 2.5},
        {"event": "run-ended", "state": "done"},
    )
    assert status.cpus == 4
    assert (status.state, status.stages["labels/a"].state, status.stages["labels/a"].seconds) == ("done", "done", 2.5)
    assert status.has_ended


def test_a_stage_runs_once_a_worker_has_taken_it() -> None:
    *_, labels = (status_after(*BEGUN[:count]).stages["labels/a"] for count in (1, 2))
    assert (labels.state, labels.started) == ("queued", None)
    labels = status_after(*BEGUN[:3]).stages["labels/a"]
    assert (labels.state, labels.started) == ("running", 3.0)
    found = {"event": "progress", "stage": "labels/a", "done": 3, "total": 9}  # of an earlier start
    assert status_after(*BEGUN[:2], found).stages["labels/a"].state == "queued"
    at_work = status_after(*BEGUN[:2], found | {"core_seconds": 0.1}).stages["labels/a"]
    assert (at_work.state, at_work.started) == ("running", 3.0)


def test_a_continued_run_starts_its_stages_afresh() -> None:
    again = {"event": "run-started", "stages": ["labels/a"], "host": "node2", "process": 8}
    assert status_after(*BEGUN, again).stages["labels/a"].state == "waiting"


def test_the_pace_leaves_out_what_an_earlier_start_had_done() -> None:
    status = status_after(*BEGUN[:3])
    for time, done in ((100.0, 500), (110.0, 520)):
        status.apply({"time": time, "event": "progress", "stage": "labels/a", "done": done, "total": 900})
    assert status.stages["labels/a"].rate(now=110.0) == pytest.approx(2.0)


PLANNED: dict[str, Any] = {
    "event": "run-started",
    "stages": ["labels/a", "model/a", "model/b"],
    "planned": {"labels/a": 100.0, "model/a": 60.0, "model/b": 40.0},
    "planned_seconds": 100.0,
}
TWO_WORKERS = {"event": "cluster-started", "cpus": 2, "workers": 2}


def test_what_is_left_of_a_run_is_unknown_without_plan_or_workers() -> None:
    assert status_after(*BEGUN, TWO_WORKERS).seconds_left() is None
    assert status_after(PLANNED).seconds_left() is None
    assert status_after(PLANNED, TWO_WORKERS, {"event": "run-ended", "state": "done"}).seconds_left() is None


@pytest.mark.parametrize(
    ("events", "core_seconds"),
    [
        ([], 200.0),
        # A tenth of the plan, which has come true, and 100 core-seconds, of which 160 became: 180 for 120.
        ([{"event": "stage-ended", "stage": "labels/a", "state": "done", "core_seconds": 160.0}], 150.0),
        ([{"event": "stage-ended", "stage": "labels/a", "state": "cached"}], 100.0),
        ([{"event": "progress", "stage": "labels/a", "done": 200, "total": 1000}], 200.0),  # done by an earlier start
        (
            [
                {"event": "progress", "stage": "labels/a", "done": 200, "total": 1000},
                {"event": "progress", "stage": "labels/a", "done": 400, "total": 1000, "core_seconds": 10.0},
            ],
            130.0,  # by its own pace 30 more
        ),
        (
            [
                {"event": "progress", "stage": "model/a", "done": 0, "total": 9000, "message": "epochs at most"},
                {"event": "progress", "stage": "model/a", "done": 30, "total": 9000, "core_seconds": 20.0}
                | {"message": "epochs at most"},
            ],
            180.0,  # it may stop early, as the plan says
        ),
    ],
)
def test_what_is_left_of_a_run_follows_its_plan_and_its_progress(
    events: list[dict[str, Any]], core_seconds: float
) -> None:
    assert status_after(PLANNED, TWO_WORKERS, *events).seconds_left() == pytest.approx(core_seconds / 2)


def test_more_workers_than_the_plan_can_keep_at_work_end_it_no_sooner() -> None:
    many = {"event": "cluster-changed", "cpus": 64, "workers": 64}
    assert status_after(PLANNED, TWO_WORKERS, many).seconds_left() == pytest.approx(100.0)


def test_a_job_is_known_with_its_nodes_before_its_stages_begin() -> None:
    started = {"event": "job-started", "job": "17", "nodes": ["node1", "node2"], "restarts": 0}
    status = status_after({"event": "run-queued", "message": "waits in Slurm's queue"}, started)
    assert (status.state, status.message) == ("queued", "job 17 starts on node1, node2")
    status = status_after(started, *BEGUN)
    assert (status.state, status.message, status.job, status.nodes) == ("running", "", "17", ("node1", "node2"))


def test_why_a_run_ended_is_kept() -> None:
    ended = {"event": "run-ended", "state": "failed", "message": "no time"}
    assert status_after(*BEGUN, ended).message == "no time"
    asked = {"event": "cancel-requested", "how": "now", "user": "ann", "host": "login1"}
    status = status_after(*BEGUN, asked, {"event": "run-ended", "state": "cancelled"})
    assert (status.state, status.message) == ("cancelled", "cancelled by ann from login1")
