"""Sends a campaign to Slurm, finds its jobs again, and cancels them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from campaign import api
from campaign.control import clear_request
from campaign.events import EventLog
from campaign.frozen import CODE_FOLDER
from campaign.preparing import prepared
from campaign.slurm.profile import SlurmProfile
from cluster.slurm.controller import JobState, SlurmError, cancel, jobs_named, patiently

if TYPE_CHECKING:
    from cluster.slurm.script import JobRequest

SLURM_FOLDER = "slurm"  # of a run: scripts, logs of jobs, and what they tell each other
WORKER_SUFFIX = "-worker"


@dataclass(frozen=True)
class QueuedRun:
    """A run that a job will drive; ``is_new`` is false when the job was there already."""

    folder: Path
    job: str
    is_new: bool


def job_name(folder: Path) -> str:
    """Name of all jobs of a run, and of no others: two runs folders may hold the same campaign."""
    path = folder.absolute()
    return f"{path.name}-{crc32(str(path).encode()):08x}"


def jobs_of(folder: Path) -> list[JobState]:
    """Jobs of a run that wait or run, the campaign's own first: one call of the controller."""
    name = job_name(folder)
    alive = [job for job in jobs_named(f"{name},{name}{WORKER_SUFFIX}") if job.is_alive]
    return sorted(alive, key=lambda job: job.name != name)


def request_of(profile: SlurmProfile, folder: Path) -> JobRequest:
    """The job that drives the run in ``folder``."""
    return _request(profile, folder, job_name(folder), profile.time_limit, profile.partition, profile.nodes)


def worker_request(profile: SlurmProfile, folder: Path) -> JobRequest:
    """A job that lends its one node to the run in ``folder``."""
    jobs = profile.worker_jobs
    if jobs is None:
        raise ValueError("this profile has no worker_jobs")
    name = job_name(folder) + WORKER_SUFFIX
    return _request(profile, folder, name, jobs.time_limit, jobs.partition or profile.partition, nodes=1)


def send(campaign: api.Campaign) -> QueuedRun | api.FinishedRun:
    """Queue the campaign as a Slurm job and return, or say that there is nothing to do or that it is queued already.

    Raises:
        SlurmError: Slurm refused, or was busy for too long.
        api.RunBusy: another process is running it.
    """
    from campaign.slurm.job import drive
    from cluster.slurm.script import send as send_job

    profile, plan = _slurm(campaign), campaign.plan()
    folder = Path(plan.run_folder).absolute()
    if api.is_finished(plan):
        return api.FinishedRun(folder, plan, from_cache=True)
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


def script(campaign: api.Campaign) -> str:
    """The sbatch script that :func:`send` would send; writes nothing."""
    from cluster.slurm.script import script_of

    return script_of(request_of(_slurm(campaign), Path(campaign.plan().run_folder).absolute()))


def _present(folder: Path) -> JobState | None:
    return next((job for job in _jobs_patiently(folder) if job.name == job_name(folder)), None)


def _jobs_patiently(folder: Path) -> list[JobState]:
    return patiently(lambda: jobs_of(folder), "squeue")


def _slurm(campaign: api.Campaign) -> SlurmProfile:
    if not isinstance(campaign.profile, SlurmProfile):
        raise TypeError(f"a campaign is sent to Slurm under a profile of kind slurm, got {campaign.profile.kind}")
    return campaign.profile


def _request(
    profile: SlurmProfile, folder: Path, name: str, minutes: int, partition: str | None, nodes: int
) -> JobRequest:
    from cluster.slurm.script import JobRequest

    return JobRequest(
        name=name,
        folder=folder.absolute() / SLURM_FOLDER / "%j",
        minutes=minutes,
        nodes=nodes,
        cpus_per_node=profile.cpus_per_node,
        gpus_per_node=profile.gpus_per_node,
        memory_mb_per_node=profile.memory_mb_per_node,
        warning_seconds=profile.end_seconds,
        requeue=profile.requeue and name == job_name(folder),
        setup=_setup(profile, folder.absolute()),
        options={
            "partition": partition,
            "account": profile.account,
            "qos": profile.qos,
            "constraint": profile.constraint,
            "exclusive": profile.exclusive or None,
        },
    )


def _setup(profile: SlurmProfile, folder: Path) -> list[str]:
    lines = [f"module load {shlex.quote(module)}" for module in profile.modules]
    # The run's own copy of the source, whatever becomes of this one until the job starts.
    code = shlex.quote(str(folder / CODE_FOLDER))
    return [*lines, *profile.setup, f"export PYTHONPATH={code}${{PYTHONPATH:+:$PYTHONPATH}}"]
