"""The profile ``kind: slurm``: what a campaign asks of Slurm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from campaign.execution import Execution
from campaign.paths import ExpandedText, WorkFolder
from campaign.problems import Breach, refusal, refuse
from campaign.spec import NO_TEXT, Count, Model, Positive

if TYPE_CHECKING:
    from cluster.slurm.inventory import Inventory

CLOCK = re.compile(r"(?:(?P<days>\d+)-)?(?P<clock>\d+(?::\d{1,2}){0,2})")
INVENTORY = "inventory"  # of the validation context: what the cluster has


def _time_limit(value: Any) -> Any:
    from cluster.slurm.inventory import limit_minutes

    minutes = None
    if isinstance(value, int) and not isinstance(value, bool):
        minutes = value
    elif isinstance(value, str) and CLOCK.fullmatch(value):
        minutes = limit_minutes(value)
    if not minutes or minutes < 0:
        raise refusal(Breach((), "must be a time as Slurm reads it", "write 45 (minutes), 12:00:00 or 2-00:00:00"))
    return minutes


AS_WRITTEN = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^(\d+-)?\d+(:\d{1,2}){0,2}$"}]
}
Minutes = Annotated[int, BeforeValidator(_time_limit), WithJsonSchema(AS_WRITTEN)]
"""A time limit as Slurm reads it: minutes, ``HH:MM:SS`` or ``D-HH:MM:SS``; kept in minutes."""

Number = Annotated[int, Field(ge=0), NO_TEXT]


class WorkerJobs(Model):
    """Single-node jobs that join the campaign when the queue lets them and leave when their time ends."""

    count: Count = Field(description="jobs that wait or run at any time, as long as there is work")
    time_limit: Minutes = Field(description="of one such job, for example 1:00:00")
    partition: ExpandedText | None = Field(default=None, description="default: that of the campaign's own job")


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
    requeue: bool = Field(
        default=True, description="whether the job may requeue itself; otherwise the next job is chained to it"
    )
    end_seconds: Count = Field(
        default=120, description="seconds before the limit at which the run stops by itself: checkpoint, next job"
    )
    worker_jobs: WorkerJobs | None = Field(default=None, description="small jobs around the allocation")
    temp_dir: WorkFolder | None = Field(
        default=None, description="short folder on each node for Ray's sockets and logs; default: a new one in /tmp"
    )
    dashboard: bool = Field(default=True, description="start Ray's dashboard on the first node")

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> Self:
        from campaign.slurm.limits import breaches, own_breaches

        inventory: Inventory | None = (info.context or {}).get(INVENTORY)
        refuse([*own_breaches(self), *(breaches(self, inventory) if inventory is not None else ())])
        return self

    @property
    def memory_mb_per_node(self) -> int | None:
        """Memory to ask for on each node, in MiB."""
        return None if self.memory_gb_per_node is None else int(self.memory_gb_per_node * 1024)

    def ray_options(self) -> dict[str, Any]:
        """There are none: the Ray of a Slurm job is started there.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "a profile of kind slurm is for campaigns that are submitted; here use one of kind local or ray"
        )

    def planned_workers(self) -> int:
        """Worker processes to plan with: those of the allocation, and of half the worker jobs."""
        jobs = self.worker_jobs.count // 2 if self.worker_jobs else 0
        return self.workers or (self.nodes + jobs) * self.cpus_per_node
