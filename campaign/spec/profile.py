"""Where a campaign runs: this machine, a standing Ray cluster or Slurm, and how much of it.

A profile is never part of a key. Workers, units of work, folders and addresses change how soon a result is there,
never what it is, so a run may go on under another profile than the one it began with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from campaign.spec.base import NO_TEXT, Count, Model, Positive
from campaign.spec.paths import ExpandedText, WorkFolder
from campaign.spec.problems import Violation, refusal
from cluster.node.allocation import available_cpus
from cluster.slurm.inventory import limit_minutes

CLOCK = re.compile(r"(?:\d+-)?\d+(?::\d{1,2}){0,2}")


def _time_limit(value: Any) -> Any:
    minutes = None
    if isinstance(value, int) and not isinstance(value, bool):
        minutes = value
    elif isinstance(value, str) and CLOCK.fullmatch(value):
        minutes = limit_minutes(value)
    if not minutes or minutes < 0:
        raise refusal(Violation((), "must be a time as Slurm reads it", "write 45 (minutes), 12:00:00 or 2-00:00:00"))
    return minutes


Minutes = Annotated[int, BeforeValidator(_time_limit)]
"""A time limit as Slurm reads it: minutes, ``HH:MM:SS`` or ``D-HH:MM:SS``; kept in minutes."""

Number = Annotated[int, Field(ge=0), NO_TEXT]


class Limits(Model):
    """What a simulation may cost before it is given up; it never changes the numbers of those that end well."""

    simulation_s: Positive = Field(
        default=1800.0, description="seconds after which a simulation is ended and quarantined, at most 10 % later"
    )
    attempts: Count = Field(
        default=3, description="workers that may die over the same work before it is taken apart to find the culprit"
    )
    failed_share: Annotated[float, Field(gt=0, le=1), NO_TEXT] = Field(
        default=0.2, description="share of a store's simulations that may fail before its stage gives up"
    )


class Execution(Model):
    """How the work is cut, and where finished stages lie."""

    workers: Count | None = Field(default=None, description="worker processes of one thread each; default: all CPUs")
    rows_per_unit: Count | None = Field(
        default=None,
        description="simulations in one unit of work, which one worker does and writes at once; default: what suits "
        "their number and their cost",
    )
    cache: WorkFolder | None = Field(
        default=None,
        description="folder of finished stages that campaigns share; default: cache in the runs folder",
    )
    limits: Limits = Field(default=Limits(), description="what a simulation may cost before it is given up")
    use_gpu: bool = Field(
        default=False, description="train the GAN on GPUs, one for each data-parallel worker, with NCCL between them"
    )
    training_placement: Literal["pack", "spread"] = Field(
        default="pack",
        description="data-parallel workers on as few nodes as have room, or on as many; changes no number",
    )


class LocalProfile(Execution):
    """This machine alone, with a Ray of its own that ends with the run."""

    kind: Literal["local"]
    gpus: Number | None = Field(default=None, description="GPUs to use; default: those that Slurm granted, else none")
    dashboard: bool = Field(default=True, description="start Ray's dashboard on the loopback interface")
    temp_dir: WorkFolder | None = Field(
        default=None,
        description="short folder for Ray's sockets and logs, kept after the run; default: a new one",
    )

    def ray_options(self) -> dict[str, Any]:
        """Arguments of ``cluster.driver.runtime.start``."""
        options = {"cpus": self.planned_workers(), "dashboard": self.dashboard, "temp_dir": self.temp_dir}
        return options if self.gpus is None else {**options, "gpus": self.gpus}

    def planned_workers(self) -> int:
        """Worker processes that a run will have."""
        return self.workers or available_cpus()


class InProcessProfile(Execution):
    """This process alone, without Ray: for tests, for debugging (pdb works), and for designs from finished runs."""

    kind: Literal["in-process"]
    workers: Literal[1] = Field(default=1, description="one: draws of some stages come from generators of the process")

    def planned_workers(self) -> int:
        """Worker threads that a run will have."""
        return self.workers


class RayProfile(Execution):
    """A Ray cluster that stands already; it is joined, and left as it was."""

    kind: Literal["ray"]
    address: ExpandedText = Field(
        default="auto", description="host:port of the cluster's head, or 'auto' for the one on this machine"
    )
    token_file: WorkFolder | None = Field(
        default=None,
        description="file with the cluster's token; default: RAY_AUTH_TOKEN_PATH, or Ray's own of the user",
    )
    pip: tuple[str, ...] = Field(
        default=(),
        description="requirements that Ray installs on the nodes for this campaign's workers, as pip reads them",
    )

    def ray_options(self) -> dict[str, Any]:
        """Arguments of ``cluster.driver.runtime.join``."""
        return {"address": self.address, "token": self.token_file, "pip": self.pip}

    def planned_workers(self) -> int:
        """Worker processes to plan with; the cluster's own number is known only when it has been joined."""
        return self.workers or available_cpus()


class WorkerJobsBlock(Model):
    """Single-node jobs that join the campaign when the queue lets them and leave when their time ends."""

    count: Count = Field(description="jobs that wait or run at any time, as long as there is work")
    time_limit: Minutes = Field(description="of one such job, for example 1:00:00")
    partition: ExpandedText | None = Field(default=None, description="default: that of the campaign's own job")


class MailBlock(Model):
    """What Slurm writes to whom about the campaign's own job; worker jobs write nothing."""

    user: ExpandedText = Field(description="address, or name of a user")
    when: tuple[Literal["BEGIN", "END", "FAIL", "REQUEUE", "TIME_LIMIT", "TIME_LIMIT_90", "ALL"], ...] = Field(
        default=("END", "FAIL"), description="at what, in Slurm's words"
    )


class ContainerBlock(Model):
    """An image in which driver and workers run, on every node; a recipe is cluster/slurm/campaign.def."""

    image: ExpandedText = Field(description="file of the image (.sif), on a file system that all nodes see")
    program: Literal["apptainer", "singularity"] = Field(default="apptainer", description="what runs it")
    bind: tuple[ExpandedText, ...] = Field(
        default=("/etc/slurm", "/run/munge"),
        description="paths to show inside, as --bind reads them, besides the runs folder: Slurm's, a cache, scratch",
    )

    def launcher(self, runs: Path, gpus: int) -> tuple[str, ...]:
        """Words before a command that is to run inside."""
        nvidia = ("--nv",) if gpus else ()
        return (self.program, "exec", *nvidia, "--bind", ",".join([*self.bind, str(runs)]), self.image)


class SlurmProfile(Execution):
    """A job of this user's: one allocation, or one with many small jobs around it; a Ray cluster lives inside."""

    kind: Literal["slurm"]
    partition: ExpandedText | None = Field(default=None, description="default: the cluster's default partition")
    account: ExpandedText | None = Field(default=None, description="account to charge; default: the user's own")
    qos: ExpandedText | None = Field(default=None, description="quality of service; default: the account's own")
    nodes: Count = Field(default=1, description="nodes of the allocation; the driver runs on the first")
    cpus_per_node: Count = Field(description="CPUs to ask for on each node")
    gpus_per_node: Number = Field(default=0, description="GPUs to ask for on each node")
    memory_gb_per_node: Positive | None = Field(default=None, description="in GiB; default: the cluster's own")
    time_limit: Minutes = Field(description="of one job, for example 12:00:00; longer campaigns go on in the next")
    exclusive: bool = Field(default=False, description="whole nodes, shared with nobody")
    constraint: ExpandedText | None = Field(default=None, description="features that nodes must have")
    modules: tuple[ExpandedText, ...] = Field(default=(), description="modules to load, in order")
    setup: tuple[str, ...] = Field(default=(), description="shell lines before the driver starts, in order")
    container: ContainerBlock | None = Field(default=None, description="image to run in; default: what the node has")
    mail: MailBlock | None = Field(default=None, description="mails of Slurm about the campaign's job; default: none")
    requeue: bool = Field(
        default=True, description="whether the job may requeue itself; otherwise the next job is chained to it"
    )
    end_seconds: Count = Field(
        default=120, description="seconds before the limit at which the run stops by itself: checkpoint, next job"
    )
    worker_jobs: WorkerJobsBlock | None = Field(default=None, description="small jobs around the allocation")
    temp_dir: WorkFolder | None = Field(
        default=None, description="short folder on each node for Ray's sockets and logs; default: a new one in /tmp"
    )
    dashboard: bool = Field(default=True, description="start Ray's dashboard on the first node")

    def violations(self) -> Iterator[Violation]:
        """A job has time to work before it begins to stop."""
        limits: dict[tuple[str, ...], int] = {("time_limit",): self.time_limit}
        if self.worker_jobs is not None:
            limits["worker_jobs", "time_limit"] = self.worker_jobs.time_limit
        for at, minutes in limits.items():
            if 60 * minutes < 2 * self.end_seconds:
                least = -(-2 * self.end_seconds // 60)
                rule = f"must be at least twice end_seconds, which is {self.end_seconds}"
                yield Violation(at, rule, f"write at least {least} minutes, or a smaller end_seconds")

    @property
    def memory_mb_per_node(self) -> int | None:
        """Memory to ask for on each node, in MiB."""
        return None if self.memory_gb_per_node is None else int(self.memory_gb_per_node * 1024)

    def planned_workers(self) -> int:
        """Worker processes to plan with: those of the allocation, and of half the worker jobs."""
        jobs = self.worker_jobs.count // 2 if self.worker_jobs else 0
        return self.workers or (self.nodes + jobs) * self.cpus_per_node


Profile = Annotated[LocalProfile | InProcessProfile | RayProfile | SlurmProfile, Field(discriminator="kind")]


LAPTOP = LocalProfile(kind="local")
"""The default: all CPUs of this machine."""
