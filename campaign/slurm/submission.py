"""Sends a campaign to Slurm, finds its jobs again, and cancels them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from campaign.record.cancel_request import clear_request
from campaign.record.events import EventLog, RunStatus
from campaign.record.run_folder import PROFILE_FILE
from campaign.run.campaign import Campaign
from campaign.run.drive import FinishedRun, is_finished
from campaign.run.prepare import prepared
from campaign.slurm.request import WORKER_SUFFIX, job_name, request_of
from campaign.spec.profile import SlurmProfile
from cluster.slurm.controller import JobState, QueueWatch, SlurmError, cancel, has_slurm, jobs_named, patiently


@dataclass(frozen=True)
class QueuedRun:
    """A run that a job will drive; ``is_new`` is false when the job was there already."""

    folder: Path
    job: str
    is_new: bool


def jobs_of(folder: Path) -> list[JobState]:
    """Jobs of a run that wait or run, the campaign's own first: one call of the controller."""
    name = job_name(folder)
    alive = [job for job in jobs_named(f"{name},{name}{WORKER_SUFFIX}") if job.is_alive]
    return sorted(alive, key=lambda job: job.name != name)


def send(campaign: Campaign) -> QueuedRun | FinishedRun:
    """Queue the campaign as a Slurm job and return, or say that there is nothing to do or that it is queued already.

    Raises:
        SlurmError: Slurm refused, or was busy for too long.
        api.RunBusyError: another process is running it.
    """
    from campaign.slurm.job import drive
    from cluster.slurm.sbatch import send as send_job

    profile, plan = _slurm(campaign), campaign.plan()
    folder = Path(plan.run_folder).absolute()
    if is_finished(plan):
        return FinishedRun(folder, plan, from_cache=True)
    with prepared(campaign, plan):
        there = _present(folder)
        if there is not None:
            return QueuedRun(folder, there.job, is_new=False)
        clear_request(folder)
        log = EventLog(folder)
        log.write("run-queued", message="waits in Slurm's queue")
        try:
            job = send_job(request_of(profile, folder), drive, folder, profile)
        except SlurmError as error:
            log.write("run-ended", state="failed", message=str(error))
            raise
        finally:
            log.close()
    return QueuedRun(folder, job, is_new=True)


def cancel_jobs(folder: Path, is_driven: bool) -> list[JobState]:
    """Cancel the jobs of a run, and nothing else; under a living driver only those that wait.

    Raises:
        SlurmError: Slurm does not answer.
    """
    jobs = [job for job in _jobs_patiently(folder) if not is_driven or job.state == "PENDING"]
    cancel(jobs)
    return jobs


def script(campaign: Campaign) -> str:
    """The sbatch script that :func:`send` would send; writes nothing."""
    from cluster.slurm.sbatch import script_of

    return script_of(request_of(_slurm(campaign), Path(campaign.plan().run_folder).absolute()))


def _present(folder: Path) -> JobState | None:
    return next((job for job in _jobs_patiently(folder) if job.name == job_name(folder)), None)


def _jobs_patiently(folder: Path) -> list[JobState]:
    return patiently(lambda: jobs_of(folder), "squeue")


def _slurm(campaign: Campaign) -> SlurmProfile:
    if not isinstance(campaign.profile, SlurmProfile):
        raise TypeError(f"a campaign is sent to Slurm under a profile of kind slurm, got {campaign.profile.kind}")
    return campaign.profile


def is_slurm_run(folder: Path) -> bool:
    """Whether the run was last submitted under a Slurm profile."""
    try:
        profile = json.loads((folder / PROFILE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(profile["kind"] == "slurm")


class Expectation:
    """Knows when a run is over: one whose job waits, or was put back into the queue, is not."""

    def __init__(self, folder: Path) -> None:
        name = job_name(folder)
        self._name = name
        in_slurm = is_slurm_run(folder) and has_slurm()
        self._queue = QueueWatch(f"{name},{name}{WORKER_SUFFIX}") if in_slurm else None
        self._job_is_gone = False

    def is_over(self, status: RunStatus) -> bool:
        """Whether the run has ended for good; a queued one without a job becomes ``interrupted``."""
        if self._queue is None or status.state not in {"queued", "interrupted"}:
            return status.has_ended
        if self._job_is_gone:  # and its last words, if any, have been read since
            status.state = "interrupted"
            return True
        jobs = self._queue.look()
        self._job_is_gone = jobs is not None and not any(job.is_alive and job.name == self._name for job in jobs)
        return False
