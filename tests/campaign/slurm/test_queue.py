"""What the queue says of a run's job, from stand-ins of Slurm's commands to the status that a user sees."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from fake_slurm import FakeSlurm

from campaign import api
from campaign.record.events import EventLog
from campaign.record.liveness import JobPhase
from campaign.record.run_folder import PROFILE_FILE
from campaign.record.status import RunStatus
from campaign.slurm.queue import SlurmQueue, queue_of, report_of
from campaign.slurm.request import job_name
from cluster.slurm.controller import JobState

RAN_ON = RunStatus(state="running", job="17", nodes=("node1", "node3"))


def job(state: str, reason: str = "None", nodes: str = "", number: str = "17") -> JobState:
    return JobState(number, "run", state, reason, "mark", nodes, "2026-02-01T12:00:00")


@pytest.mark.parametrize(
    ("jobs", "phase", "message"),
    [
        ([job("PENDING", "Priority")], "waiting", "job 17 waits: other jobs come first"),
        ([job("PENDING", "Resources")], "waiting", "job 17 waits for nodes to become free"),
        ([job("PENDING", "BeginTime")], "waiting", "job 17 waits until 2026-02-01 12:00:00"),
        ([job("PENDING")], "waiting", "job 17 waits"),
        ([job("PENDING", "QOSMaxJobsPerUserLimit")], "waiting", "job 17 waits (QOSMaxJobsPerUserLimit)"),
        (
            [job("PENDING", "ReqNodeNotAvail, UnavailableNodes:node3")],
            "waiting",
            "job 17 waits for nodes that are not available",
        ),
        (
            [job("PENDING", "JobHeldUser")],
            "waiting",
            "job 17 is held (JobHeldUser): `scontrol release 17` lets it go on",
        ),
        (
            [job("REQUEUE_HOLD", "launch failed requeued held")],
            "waiting",
            "job 17 is held (launch failed requeued held): `scontrol release 17` lets it go on",
        ),
        (
            [job("PENDING", "DependencyNeverSatisfied")],
            "waiting",
            "job 17 waits for a job that ended otherwise than it should: `scancel 17`",
        ),
        ([job("RUNNING", nodes="node[1-2]")], "running", "job 17 runs on node[1-2]"),
        ([job("SUSPENDED", nodes="node1")], "running", "job 17 is suspended on node1"),
        ([job("COMPLETING", nodes="node1")], "running", "job 17 is being ended on node1"),
        # Its successor waits for it.
        (
            [job("PENDING", "Dependency", number="18"), job("RUNNING", nodes="node1")],
            "running",
            "job 17 runs on node1",
        ),
        ([job("CANCELLED", nodes="node1")], "ended", "job 17 was cancelled in Slurm"),
        ([job("FAILED")], "ended", "job 17 failed; its log lies in the run's folder slurm/17"),
        ([job("SOMETHING_NEW")], "ended", "job 17 ended (SOMETHING_NEW)"),
        ([], "ended", "no job of it is in Slurm's queue"),
    ],
)
def test_every_state_of_a_job_has_its_words(jobs: list[JobState], phase: str, message: str) -> None:
    report = report_of(jobs, RunStatus(state="queued"))
    assert (report.phase.value, report.message) == (phase, message)


def test_a_job_that_was_put_back_names_the_node_that_failed(fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer("sinfo", "node1|idle", "node3|down*")
    assert report_of([job("PENDING", "Resources")], RAN_ON).message == (
        "job 17 was requeued and waits for nodes to become free; node3, which it ran on, is down and does not answer"
    )
    fake_slurm.answer("sinfo", "node1|idle", "node3|idle")  # its time was over
    assert report_of([job("PENDING", "BeginTime")], RAN_ON).message == (
        "job 17 was requeued and waits until 2026-02-01 12:00:00"
    )
    fake_slurm.refuse("sinfo", "busy")
    assert report_of([job("PENDING", "Priority")], RAN_ON).message == (
        "job 17 was requeued and waits: other jobs come first"
    )
    assert report_of([job("PENDING", "Priority", number="18")], RAN_ON).message == "job 18 waits: other jobs come first"


def queued(runs: Path, name: str) -> Path:
    """A run that was sent to Slurm."""
    folder = runs / name
    folder.mkdir(parents=True)
    (folder / PROFILE_FILE).write_text(json.dumps({"kind": "slurm"}))
    with EventLog(folder) as events:
        events.write("run-queued", message="waits in Slurm's queue")
    return folder


def began(folder: Path) -> None:
    with EventLog(folder) as events:
        events.write("job-started", job="17", nodes=["node1", "node3"], restarts=0)
        events.write("run-started", stages=["labels/a"], host="node1", process=7)


def test_the_status_of_a_run_follows_its_job(tmp_path: Path, fake_slurm: FakeSlurm) -> None:
    run = queued(tmp_path, "table1-0123")
    seen = []
    for state in ("PENDING Priority", "RUNNING node[1,3]", "PENDING Resources", "CANCELLED"):
        fake_slurm.jobs(("17", job_name(run), state), ("9", "of-another-run", "RUNNING node2"))
        fake_slurm.answer("sinfo", "node1|idle", "node3|drained")
        seen.append((api.status(run).state, api.status(run).message))
        if state.startswith("RUNNING"):
            began(run)
    assert seen == [
        ("queued", "job 17 waits: other jobs come first"),
        ("queued", "job 17 runs on node[1,3]; its driver gives no sign"),
        (
            "queued",
            "job 17 was requeued and waits for nodes to become free; node3, which it ran on, is drained",
        ),
        ("interrupted", "job 17 was cancelled in Slurm"),
    ]


def test_many_runs_cost_one_call(tmp_path: Path, fake_slurm: FakeSlurm) -> None:
    runs = [queued(tmp_path, name) for name in ("a", "b", "c")]
    fake_slurm.jobs(("1", job_name(runs[0]), "PENDING Priority"), ("2", job_name(runs[1]), "PENDING Dependency"))
    messages = [status.message for status in api.statuses(runs).values()]
    assert messages == [
        "job 1 waits: other jobs come first",
        "job 2 waits for the job before it to end",
        "no job of it is in Slurm's queue",
    ]
    assert fake_slurm.called().count("squeue") == 1


def test_a_queue_that_does_not_answer_leaves_a_run_as_its_folder_has_it(tmp_path: Path, fake_slurm: FakeSlurm) -> None:
    run = queued(tmp_path, "a")
    fake_slurm.refuse("squeue", "Unable to contact slurm controller")
    assert (api.status(run).state, api.status(run).message) == ("queued", "waits in Slurm's queue")


def test_a_run_that_has_ended_and_one_of_a_laptop_cost_no_call(tmp_path: Path, fake_slurm: FakeSlurm) -> None:
    done, local = queued(tmp_path, "a"), queued(tmp_path, "b")
    with EventLog(done) as events:
        events.write("run-ended", state="done")
    (local / PROFILE_FILE).write_text(json.dumps({"kind": "local"}))
    assert [status.state for status in api.statuses([done, local]).values()] == ["done", "queued"]
    assert "squeue" not in fake_slurm.called()
    assert queue_of(local) is None


def test_jobs_of_another_user_may_be_hidden(
    tmp_path: Path, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued(tmp_path, "a")
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert api.status(run).state == "queued"
    assert fake_slurm.calls == []


def test_where_there_is_no_slurm_the_folder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert queue_of(queued(tmp_path, "a")) is None


def test_an_answer_that_is_older_than_the_last_event_does_not_count(tmp_path: Path) -> None:
    run = queued(tmp_path, "a")
    looks = iter([[replace(job("PENDING", "Priority"), name=job_name(run))], None, None, None])
    queue, status = SlurmQueue(run, lambda: next(looks)), RunStatus(state="queued")
    first = queue.report(status, has_news=True)
    assert first is not None
    assert first.phase is JobPhase.WAITING
    assert queue.report(status, has_news=False) == first
    assert queue.report(status, has_news=True) is None
    assert queue.report(status, has_news=False) is None
