"""What Slurm's queue says of the job that drives a run, in words."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from campaign.record.liveness import JobPhase, JobReport
from campaign.record.run_folder import PROFILE_FILE
from campaign.record.status import RunStatus
from campaign.slurm.request import job_name, job_names
from cluster.slurm.controller import JobState, QueueWatch, SlurmError, failed_nodes, has_slurm, jobs_named

log = logging.getLogger(__name__)

Look = Callable[[], list[JobState] | None]  # jobs, None when it is too early to look or Slurm does not answer

HELD_STATES = {"REQUEUE_HOLD", "SPECIAL_EXIT"}
WAITING_STATES = {"PENDING", "REQUEUED", "REQUEUE_FED", *HELD_STATES}
NODE_MARKS = "*~#$@^!%-+"  # behind the state of a node
WAITS = {
    "BeginTime": "waits until {start}",
    "Priority": "waits: other jobs come first",
    "Resources": "waits for nodes to become free",
    "Dependency": "waits for the job before it to end",
    "NodeDown": "waits for a node that is down",
    "ReqNodeNotAvail": "waits for nodes that are not available",
    "Reservation": "waits for a reservation to begin",
    "PartitionDown": "waits: its partition is down",
    "PartitionInactive": "waits: its partition is not in use at present",
    "DependencyNeverSatisfied": "waits for a job that ended otherwise than it should: `scancel {job}`",
    "BadConstraints": "waits for nodes that the cluster does not have: `scancel {job}`",
    "None": "waits",
}
ENDS = {
    "COMPLETED": "ended",
    "CANCELLED": "was cancelled in Slurm",
    "TIMEOUT": "ran into its time limit",
    "NODE_FAIL": "ended as a node of it failed",
    "OUT_OF_MEMORY": "was ended for its use of memory",
    "PREEMPTED": "was preempted",
    "FAILED": "failed; its log lies in the run's folder slurm/{job}",
    "BOOT_FAIL": "ended as a node of it did not start",
    "DEADLINE": "ended at its deadline",
}


class SlurmQueue:
    """The queue as one run sees it; looks as seldom as ``look`` lets it."""

    def __init__(self, folder: Path, look: Look) -> None:
        """Ask nothing yet.

        Parameters
        ----------
        folder
            The run.
        look
            Finds jobs, those of this run among them.
        """
        self._name = job_name(folder)
        self._look = look
        self._report: JobReport | None = None

    def report(self, status: RunStatus, has_news: bool) -> JobReport | None:
        """See ``campaign.record.liveness.RunQueue``."""
        jobs = self._look()
        if jobs is not None:
            self._report = report_of([job for job in jobs if job.name == self._name], status)
        elif has_news:
            self._report = None
        return self._report


def queue_of(folder: Path) -> SlurmQueue | None:
    """The queue of a run that is to be followed, read twice a minute; None for one that is in none of this user's."""
    if not (has_own_jobs(folder) and has_slurm()):
        return None
    return SlurmQueue(folder, QueueWatch(job_names([folder])).look)


def queues_of(folders: Sequence[Path]) -> dict[Path, SlurmQueue]:
    """The queue of each run that is in one, for a single look at all of them: one call of the controller at most."""
    queued = [folder for folder in folders if has_own_jobs(folder)]
    if not queued or not has_slurm():
        return {}

    @cache
    def look() -> list[JobState] | None:
        try:
            return jobs_named(job_names(queued))
        except SlurmError as error:
            log.warning("the queue could not be read: %s", error.said)
            return None

    return {folder: SlurmQueue(folder, look) for folder in queued}


def has_own_jobs(folder: Path) -> bool:
    """Whether jobs of this user drive the run: it was last submitted under a Slurm profile, and by nobody else.

    Jobs of others may be hidden, so that nothing follows from their absence.
    """
    path = folder / PROFILE_FILE
    try:
        return path.stat().st_uid == os.getuid() and json.loads(path.read_text(encoding="utf-8"))["kind"] == "slurm"
    except FileNotFoundError:
        return False


def report_of(jobs: Sequence[JobState], status: RunStatus) -> JobReport:
    """What the jobs that drive a run, of which at most one runs, say of it.

    Parameters
    ----------
    jobs
        As the controller remembers them, ended ones of late included.
    status
        The run by its events: the job that its driver was last part of, and that one's nodes.
    """
    waiting = [job for job in jobs if job.state in WAITING_STATES]
    running = [job for job in jobs if job not in waiting and (job.is_alive or job.is_ending)]
    if running:
        job = running[-1]
        doing = "is being ended" if job.is_ending else "is suspended" if job.state == "SUSPENDED" else "runs"
        return JobReport(JobPhase.RUNNING, f"job {job.job} {doing} on {job.nodes or 'its nodes'}")
    if waiting:
        return JobReport(JobPhase.WAITING, _waiting(waiting[0], status))
    if not jobs:
        return JobReport(JobPhase.ENDED, "no job of it is in Slurm's queue")
    return JobReport(JobPhase.ENDED, f"job {jobs[-1].job} {_of(ENDS, jobs[-1].state, jobs[-1])}")


def _waiting(job: JobState, status: RunStatus) -> str:
    was_requeued = job.job == status.job
    subject = f"job {job.job} was requeued and" if was_requeued else f"job {job.job}"
    if job.state in HELD_STATES or "held" in job.reason.lower():
        return f"{subject} is held ({job.reason}): `scontrol release {job.job}` lets it go on"
    parts = [f"{subject} {_of(WAITS, job.reason.partition(',')[0], job)}", *_down(status.nodes if was_requeued else ())]
    return "; ".join(parts)


def _down(nodes: Sequence[str]) -> list[str]:
    """What is to be said of nodes that a job ran on before it was put back into the queue."""
    if not nodes:
        return []
    try:
        return [f"{node}, which it ran on, is {_node(state)}" for node, state in failed_nodes(nodes).items()]
    except SlurmError as error:
        log.warning("nodes could not be looked up: %s", error.said)
        return []


def _node(state: str) -> str:
    return state.rstrip(NODE_MARKS) + (" and does not answer" if "*" in state else "")


def _of(words: dict[str, str], name: str, job: JobState) -> str:
    """Words for a reason or a state, its own name where there are none."""
    default = f"waits ({job.reason})" if words is WAITS else f"ended ({name})"
    return words.get(name, default).format(job=job.job, start=job.start.replace("T", " "))
