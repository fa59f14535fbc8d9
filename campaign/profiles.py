"""Where a campaign runs: this machine or a standing Ray cluster, and how much of it.

A profile is never part of a key. Workers, units of work, folders and addresses change how soon a result is there,
never what it is, so a run may go on under another profile than the one it began with.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from campaign.paths import ExpandedText, WorkFolder
from campaign.spec import NO_TEXT, Count, Model, Positive

CGROUP_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


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


class _Execution(Model):
    """What every profile says."""

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


class LocalProfile(_Execution):
    """This machine alone, with a Ray of its own that ends with the run."""

    kind: Literal["local"]
    gpus: Annotated[int, Field(ge=0), NO_TEXT] | None = Field(
        default=None, description="GPUs that training may use and must find; default: those that are there"
    )
    dashboard: bool = Field(default=True, description="start Ray's dashboard on the loopback interface")
    temp_dir: WorkFolder | None = Field(
        default=None,
        description="short folder for Ray's sockets and logs, kept after the run; default: a new one",
    )

    def ray_options(self) -> dict[str, Any]:
        """Arguments of ``cluster.runtime.start``."""
        options = {"cpus": self.planned_workers(), "dashboard": self.dashboard, "temp_dir": self.temp_dir}
        return options if self.gpus is None else {**options, "gpus": self.gpus}

    def planned_workers(self) -> int:
        """Worker processes that a run will have."""
        return self.workers or available_cpus()


class RayProfile(_Execution):
    """A Ray cluster that stands already; it is joined, and left as it was."""

    kind: Literal["ray"]
    address: ExpandedText = Field(
        default="auto", description="host:port of the cluster's head, or 'auto' for the one on this machine"
    )

    def ray_options(self) -> dict[str, Any]:
        """Arguments of ``cluster.runtime.start``."""
        return {"address": self.address}

    def planned_workers(self) -> int:
        """Worker processes to plan with; the cluster's own number is known only when it has been joined."""
        return self.workers or available_cpus()


Profile = Annotated[LocalProfile | RayProfile, Field(discriminator="kind")]
LAPTOP = LocalProfile(kind="local")
"""What runs where nothing is said: all CPUs of this machine."""


def available_cpus() -> int:
    """CPUs that this process may use: its affinity, and a container's share rounded up."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CGROUP_CPU_LIMIT.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else min(cpus, max(1, -(-int(quota) // int(period))))
