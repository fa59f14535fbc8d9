"""What this process may use of the machine: what Slurm granted, else its affinity and its container's share.

On a shared node the machine has more CPUs and GPUs than a job was granted, and nothing that Ray could detect tells
them apart: inside a job Slurm's variables count, as many of them as there are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CGROUP_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
NODE_GROUP = re.compile(r"(?P<cpus>\d+)(\(x(?P<nodes>\d+)\))?")


@dataclass(frozen=True)
class Allocation:
    """Resources of this process on this node.

    Attributes
    ----------
    cpus
        Processors.
    gpus
        Graphics processors that Slurm granted; 0 outside of Slurm, where they are named, never guessed.
    memory_mb
        Memory in MiB, or None where nothing limits it.
    """

    cpus: int
    gpus: int = 0
    memory_mb: int | None = None


class AllocationError(ValueError):
    """A variable of Slurm's does not hold what it should."""


def allocation(environment: Mapping[str, str] = os.environ) -> Allocation:
    """What this process was granted on the node where it runs.

    Raises
    ------
    AllocationError
        A variable of Slurm's does not hold what it should.
    """
    cpus = available_cpus(environment)
    if "SLURM_JOB_ID" not in environment:
        return Allocation(cpus)
    return Allocation(cpus, _slurm_gpus(environment), _slurm_memory_mb(environment, cpus))


def available_cpus(environment: Mapping[str, str] = os.environ) -> int:
    """CPUs that this process may use: Slurm's grant where it is told, or its affinity and a container's share.

    Raises
    ------
    AllocationError
        A variable of Slurm's does not hold what it should.
    """
    if "SLURM_JOB_ID" in environment and (granted := _slurm_cpus(environment)) is not None:
        return granted
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CGROUP_CPU_LIMIT.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else min(cpus, max(1, -(-int(quota) // int(period))))  # a part of one counts as one


def cpus_on_nodes(text: str) -> tuple[int, ...]:
    """CPUs of each node of a job from ``SLURM_JOB_CPUS_PER_NODE``, for example ``4(x2),8``.

    Raises
    ------
    AllocationError
        It is something else.
    """
    counts: list[int] = []
    for part in filter(None, text.split(",")):
        if (group := NODE_GROUP.fullmatch(part)) is None:
            raise _told_otherwise("SLURM_JOB_CPUS_PER_NODE", "numbers of CPUs such as 4(x2),8", text)
        counts += [int(group["cpus"])] * int(group["nodes"] or 1)
    return tuple(counts)


def _slurm_cpus(environment: Mapping[str, str]) -> int | None:
    """CPUs of this task in a step that srun began, else of the job on this node; None where nothing says so."""
    of_task = _number(environment, "SLURM_CPUS_PER_TASK")
    if "SLURM_STEP_ID" in environment and of_task is not None:
        return of_task
    if (of_node := _number(environment, "SLURM_CPUS_ON_NODE")) is not None:
        return of_node
    # A shell of salloc has neither, and runs on the job's first node or outside of it.
    of_nodes = cpus_on_nodes(environment.get("SLURM_JOB_CPUS_PER_NODE", ""))
    return of_nodes[0] if of_nodes else of_task


def _slurm_gpus(environment: Mapping[str, str]) -> int:
    if (told := _number(environment, "SLURM_GPUS_ON_NODE")) is not None:
        return told
    # Slurm before 21.08 only lists them.
    listed = environment.get("SLURM_STEP_GPUS") or environment.get("SLURM_JOB_GPUS") or ""
    return len([number for number in listed.split(",") if number])


def _slurm_memory_mb(environment: Mapping[str, str], cpus: int) -> int | None:
    if (of_node := _number(environment, "SLURM_MEM_PER_NODE")) is not None:
        return of_node or None
    of_cpu = _number(environment, "SLURM_MEM_PER_CPU")
    return None if of_cpu is None else of_cpu * cpus or None


def _number(environment: Mapping[str, str], name: str) -> int | None:
    if (text := environment.get(name)) is None:
        return None
    if not text.isdecimal():
        raise _told_otherwise(name, "a number", text)
    return int(text)


def _told_otherwise(name: str, expected: str, text: str) -> AllocationError:
    return AllocationError(f"{name} must be {expected}, got '{text}'; is this environment Slurm's own?")
