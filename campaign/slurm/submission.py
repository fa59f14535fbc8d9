"""Sends a campaign to Slurm, and cancels its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from campaign.record.cancel_request import clear_request
from campaign.record.driver import count_driver_as_dead
from campaign.record.events import EventLog
from campaign.run.campaign import Campaign
from campaign.run.drive import FinishedRun, is_finished
from campaign.run.interrupt import ctrl_c
from campaign.run.prepare import prepared
from campaign.slurm.queue import has_own_jobs
from campaign.slurm.request import job_name, job_names, request_of
from campaign.spec.profile import SlurmProfile
from cluster.slurm.controller import JobState, SlurmError, cancel, jobs_named, patiently


@dataclass(frozen=True)
class QueuedRun:
    """A run that a job of Slurm will drive.

    Attributes
    ----------
    folder
        Of the run.
    job
        Id of the job.
    is_new
        Whether it was sent just now; another was there already.
    """

    folder: Path
    job: str
    is_new: bool


def send(campaign: Campaign) -> QueuedRun | FinishedRun:
    """Queue the campaign as a Slurm job and return; nothing is sent when there is nothing to do, or it is queued.

    Raises
    ------
    SlurmError
        Slurm refused, or was busy for too long.
    Exception
        Whatever keeps the campaign from being prepared, as of ``campaign.api.submit``.
    """
    from campaign.slurm.job import drive
    from cluster.slurm.sbatch import send as send_job

    with ctrl_c() as interrupt:
        profile, plan = _slurm(campaign), campaign.plan()
        folder = Path(plan.run_folder).absolute()
        if is_finished(plan):
            return FinishedRun(folder, plan, from_cache=True)
        interrupt.raise_if_pressed()
        with prepared(campaign, plan, interrupt, _DriverOfEndedJob(folder)):
            jobs = patiently(lambda: _jobs_of(folder), "squeue", interrupt.sleep)
            for job in jobs:
                if job.name == job_name(folder):
                    return QueuedRun(folder, job.job, is_new=False)
            clear_request(folder)
            with EventLog(folder) as events:
                events.write("run-queued", message="waits in Slurm's queue")
                try:
                    job_id = send_job(request_of(profile, folder), drive, folder, profile, pause=interrupt.sleep)
                except SlurmError as error:
                    events.write("run-ended", state="failed", message=str(error))
                    raise
                except KeyboardInterrupt:
                    events.write("run-ended", state="interrupted")
                    raise
    return QueuedRun(folder, job_id, is_new=True)


class _DriverOfEndedJob:
    """Called while a driver elsewhere may live: counts it as dead, once, if its run has no job that it could be in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._has_looked = False

    def __call__(self) -> None:
        if self._has_looked or not has_own_jobs(self._folder):
            return
        self._has_looked = True
        try:
            jobs = jobs_named(job_names([self._folder]))
        except SlurmError:
            return  # its heartbeat will tell
        if not any(job.is_alive or job.is_ending for job in jobs):
            count_driver_as_dead(self._folder)


def cancel_jobs(folder: Path, is_driven: bool) -> list[JobState]:
    """Cancel the jobs of a run, and nothing else; under a living driver only those that wait.

    Raises
    ------
    SlurmError
        Slurm does not answer.
    """
    jobs = patiently(lambda: _jobs_of(folder), "squeue")
    ended = [job for job in jobs if not is_driven or job.state == "PENDING"]
    cancel(ended)
    return ended


def script(campaign: Campaign) -> str:
    """The sbatch script that :func:`send` would send; writes nothing."""
    from cluster.slurm.sbatch import script_of

    return script_of(request_of(_slurm(campaign), Path(campaign.plan().run_folder).absolute()))


def _jobs_of(folder: Path) -> list[JobState]:
    """Jobs of a run that wait or run: one call of the controller."""
    return [job for job in jobs_named(job_names([folder])) if job.is_alive]


def _slurm(campaign: Campaign) -> SlurmProfile:
    if not isinstance(campaign.profile, SlurmProfile):
        raise ValueError(
            f"a campaign is sent to Slurm under a profile of kind slurm, got one of kind {campaign.profile.kind}"
        )
    return campaign.profile
