"""The jobs of a run: their names, and what each of them needs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from campaign.run.freeze import CODE_FOLDER
from campaign.spec.profile import SlurmProfile

if TYPE_CHECKING:
    from cluster.slurm.sbatch import JobRequest


SLURM_FOLDER = "slurm"  # of a run: scripts and logs of its jobs, and files that one leaves for another
WORKER_SUFFIX = "-worker"


def job_name(folder: Path) -> str:
    """Name of the jobs that drive a run, and of no others: two folders of runs may hold the same campaign."""
    path = folder.absolute()
    return f"{path.name}-{crc32(str(path).encode()):08x}"


def job_names(folders: Iterable[Path]) -> str:
    """Names of all jobs of some runs, those of their worker jobs too, separated by commas as Slurm reads them."""
    return ",".join(f"{name},{name}{WORKER_SUFFIX}" for name in map(job_name, folders))


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


def _request(
    profile: SlurmProfile, folder: Path, name: str, minutes: int, partition: str | None, nodes: int
) -> JobRequest:
    from cluster.slurm.sbatch import JobRequest

    is_main, container = name == job_name(folder), profile.container
    launcher = container.launcher(folder.absolute().parent, profile.gpus_per_node) if container else ()
    mail = profile.mail if is_main else None
    return JobRequest(
        name=name,
        folder=folder.absolute() / SLURM_FOLDER / "%j",
        minutes=minutes,
        nodes=nodes,
        cpus_per_node=profile.cpus_per_node,
        gpus_per_node=profile.gpus_per_node,
        memory_mb_per_node=profile.memory_mb_per_node,
        warning_seconds=profile.end_seconds,
        requeue=profile.requeue and is_main,
        setup=_setup(profile, folder.absolute()),
        launcher=launcher,
        options={
            "partition": partition,
            "account": profile.account,
            "qos": profile.qos,
            "constraint": profile.constraint,
            "exclusive": profile.exclusive or None,
            "mail-user": mail.user if mail else None,
            "mail-type": ",".join(mail.when) if mail else None,
        },
    )


def _setup(profile: SlurmProfile, folder: Path) -> list[str]:
    lines = [f"module load {shlex.quote(module)}" for module in profile.modules]
    # The run's own copy of the source, whatever becomes of this one until the job starts.
    code = shlex.quote(str(folder / CODE_FOLDER))
    return [*lines, *profile.setup, f"export PYTHONPATH={code}${{PYTHONPATH:+:$PYTHONPATH}}"]
