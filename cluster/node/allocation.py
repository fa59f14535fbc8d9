"""What this process may use of the machine: what Slurm granted, else its affinity and its container's share.

On a shared node the machine has more CPUs and GPUs than a job was granted, and nothing that Ray could detect tells
them apart: inside a job Slurm's variables count, as far as they are there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CGROUP_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
WHOSE = "is this environment Slurm's own?"
COUNT = re.compile(r"(\d+)(?:\(x(\d+)\))?")


class AllocationError(ValueError):
    """A variable of Slurm's does not hold what it should."""


@dataclass(frozen=True)
class Allocation:
    """Resources of this process on this node.

    Attributes:
        cpus: processors.
        gpus: graphics processors that Slurm granted; 0 outside of Slurm, where they are named, never guessed.
        memory_mb: memory in MiB, or None where nothing limits it.
    """

    cpus: int
    gpus: int = 0
    memory_mb: int | None = None


def allocation(environment: Mapping[str, str] = os.environ) -> Allocation:
    """What this process was granted on the node where it runs.

    Raises
    ------
    AllocationError
        A variable of Slurm's does not hold what it should.
    """
    if "SLURM_JOB_ID" not in environment:
        return Allocation(_machine_cpus())
    return Allocation(available_cpus(environment), _slurm_gpus(environment), _slurm_memory_mb(environment))


def available_cpus(environment: Mapping[str, str] = os.environ) -> int:
    """CPUs that this process may use: Slurm's grant if it is known, else the machine's.

    Raises
    ------
    AllocationError
        A variable of Slurm's does not hold what it should.
    """
    granted = _slurm_cpus(environment) if "SLURM_JOB_ID" in environment else None
    return _machine_cpus() if granted is None else granted


def cpus_on_nodes(text: str) -> tuple[int, ...]:
    """CPUs of each node from ``SLURM_JOB_CPUS_PER_NODE``, for example ``4(x2),8``.

    Raises
    ------
    AllocationError
        It is none such.
    """
    counts: list[int] = []
    for part in filter(None, text.split(",")):
        match = COUNT.fullmatch(part)
        if match is None:
            raise AllocationError(f"CPUs of nodes must be numbers such as 4(x2),8, got '{text}'; {WHOSE}")
        counts += [int(match[1])] * int(match[2] or 1)
    return tuple(counts)


def _machine_cpus() -> int:
    """CPUs of this process's affinity, at most its container's share rounded up."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CGROUP_CPU_LIMIT.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else min(cpus, max(1, -(-int(quota) // int(period))))


def _slurm_cpus(environment: Mapping[str, str]) -> int | None:
    """CPUs of this task in a step that srun began, else of the job on this node; None if no variable says."""
    names = ["SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK"]
    for name in reversed(names) if "SLURM_STEP_ID" in environment else names:
        if environment.get(name):
            return _number(environment, name)
    # In the shell of salloc, which is on the first node or on none of them.
    counts = cpus_on_nodes(environment.get("SLURM_JOB_CPUS_PER_NODE", ""))
    node = _number(environment, "SLURM_NODEID") if environment.get("SLURM_NODEID") else 0
    return counts[min(node, len(counts) - 1)] if counts else None


def _slurm_gpus(environment: Mapping[str, str]) -> int:
    if "SLURM_GPUS_ON_NODE" in environment:
        return _number(environment, "SLURM_GPUS_ON_NODE")
    # Slurm before 21.08 only lists them.
    listed = environment.get("SLURM_STEP_GPUS") or environment.get("SLURM_JOB_GPUS") or ""
    return len([number for number in listed.split(",") if number])


def _slurm_memory_mb(environment: Mapping[str, str]) -> int | None:
    if "SLURM_MEM_PER_NODE" in environment:
        return _number(environment, "SLURM_MEM_PER_NODE") or None
    if "SLURM_MEM_PER_CPU" in environment:
        return _number(environment, "SLURM_MEM_PER_CPU") * available_cpus(environment) or None
    return None


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment[name]
    if not text.isdecimal():
        raise AllocationError(f"{name} must be a number, got '{text}'; {WHOSE}")
    return int(text)
