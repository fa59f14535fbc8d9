"""Where a campaign runs: this machine, a standing Ray cluster or Slurm, and how much of it.

A profile is never part of a key. Workers, units of work, folders and addresses change how soon a result is there,
never what it is, so a run may go on under another profile than the one it began with.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from campaign.execution import Execution, Limits
from campaign.paths import ExpandedText, WorkFolder
from campaign.slurm.profile import Number, SlurmProfile
from cluster.allocation import available_cpus

__all__ = ["LAPTOP", "Limits", "LocalProfile", "Profile", "RayProfile", "SlurmProfile", "available_cpus"]


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
        """Arguments of ``cluster.runtime.start``."""
        options = {"cpus": self.planned_workers(), "dashboard": self.dashboard, "temp_dir": self.temp_dir}
        return options if self.gpus is None else {**options, "gpus": self.gpus}

    def planned_workers(self) -> int:
        """Worker processes that a run will have."""
        return self.workers or available_cpus()


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
        """Arguments of ``cluster.runtime.join``."""
        return {"address": self.address, "token": self.token_file, "pip": self.pip}

    def planned_workers(self) -> int:
        """Worker processes to plan with; the cluster's own number is known only when it has been joined."""
        return self.workers or available_cpus()


Profile = Annotated[LocalProfile | RayProfile | SlurmProfile, Field(discriminator="kind")]
LAPTOP = LocalProfile(kind="local")
"""What runs where nothing is said: all CPUs of this machine."""
