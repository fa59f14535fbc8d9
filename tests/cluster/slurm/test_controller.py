"""Slurm's commands, called patiently: what is tried again, how seldom the queue is read, and what it says."""

from __future__ import annotations

import pytest
from fake_slurm import FakeSlurm

from cluster.slurm import controller
from cluster.slurm.controller import (
    JobState,
    QueueWatch,
    SlurmError,
    call,
    failed_nodes,
    is_hopeless,
    jobs_named,
    patiently,
)

BUSY = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
REFUSED = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"


def test_busy_is_retried_and_a_refusal_is_not() -> None:
    assert not is_hopeless(SlurmError(["sbatch"], BUSY))
    assert not is_hopeless(SlurmError(["squeue"], "slurm_load_jobs error: Unable to contact slurm controller"))
    assert not is_hopeless(SlurmError(["sbatch"], "something that nobody has seen before"))
    assert is_hopeless(SlurmError(["sbatch"], REFUSED))
    assert is_hopeless(
        SlurmError(["sbatch"], "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy")
    )


def test_pauses_grow_and_patience_ends() -> None:
    pauses: list[float] = []

    def ask() -> str:
        raise SlurmError(["squeue"], "timed out")

    with pytest.raises(SlurmError, match="`squeue` failed: timed out"):
        patiently(ask, "squeue", pauses.append)
    assert pauses == [2, 4, 8, 16, 32]


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(SlurmError, match="`sinfo-of-nowhere` failed: there is no such command on this machine"):
        call("sinfo-of-nowhere")


def test_the_queue_is_read_once_in_half_a_minute_for_all_jobs(fake_slurm: FakeSlurm) -> None:
    fake_slurm.jobs(("1", "a", "RUNNING node[1-2]"), ("2", "a-worker", "PENDING Priority"))
    now = 0.0
    watch = QueueWatch("a,a-worker", clock=lambda: now)
    seen = []
    for second in range(91):
        now = float(second)
        if (jobs := watch.look()) is not None:
            seen.append(jobs)
    driver = JobState("1", "a", "RUNNING", "None", "mark-1", "node[1-2]", "2026-01-31T12:00:00")
    lent = JobState("2", "a-worker", "PENDING", "Priority", "mark-2", "", "2026-02-01T12:00:00")
    assert seen == [[driver, lent]] * 4
    assert fake_slurm.called() == ["squeue"] * 4


def test_a_busy_controller_is_read_less_and_less_often(fake_slurm: FakeSlurm) -> None:
    fake_slurm.refuse("squeue", "busy")
    now = 0.0
    watch = QueueWatch("a", clock=lambda: now)
    calls = []
    for second in range(0, 1300, 30):
        now, before = float(second), len(fake_slurm.calls)
        assert watch.look() is None
        calls += [second] * (len(fake_slurm.calls) - before)
    assert calls == [0, 60, 180, 420, 720, 1020]


def test_ended_jobs_are_not_alive(fake_slurm: FakeSlurm) -> None:
    fake_slurm.jobs(("1", "a", "COMPLETED"), ("2", "a", "CONFIGURING node1"), ("3", "a", "COMPLETING node1"))
    assert [(job.is_alive, job.is_ending) for job in jobs_named("a")] == [(False, False), (True, False), (False, True)]
    controller.cancel([])
    assert "scancel" not in fake_slurm.called()


def test_nodes_that_cannot_be_used_are_found_whatever_their_partitions(fake_slurm: FakeSlurm) -> None:
    listed = ("node1|mixed", "node1|mixed", "node2|down*", "node3|drained", "node4|idle*", "node5|idle", "node6|idle~")
    fake_slurm.answer("sinfo", *listed)
    assert failed_nodes(["node1", "node2"]) == {"node2": "down*", "node3": "drained", "node4": "idle*"}
    assert fake_slurm.calls == ["sinfo --noheader --Node --nodes=node1,node2 --format=%N|%T"]
