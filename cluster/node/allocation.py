"""What this process may use of the machine: what Slurm granted, else its affinity and its container's share.

On a shared node the machine has more CPUs and GPUs than a job was granted, and nothing that Ray could detect tells
them apart: inside a job only Slurm's variables count.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CGROUP_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


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

    Raises:
        ValueError: a variable of Slurm's does not hold what it should.
    """
    if "SLURM_JOB_ID" not in environment:
        return Allocation(available_cpus())
    return Allocation(_slurm_cpus(environment), _slurm_gpus(environment), _slurm_memory_mb(environment))


def available_cpus() -> int:
    """CPUs that this process may use: Slurm's grant, or its affinity and a container's share rounded up."""
    if "SLURM_JOB_ID" in os.environ:
        return _slurm_cpus(os.environ)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CGROUP_CPU_LIMIT.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else min(cpus, max(1, -(-int(quota) // int(period))))


def _slurm_cpus(environment: Mapping[str, str]) -> int:
    """CPUs of this task in a step that srun began, else of the job on this node."""
    names = ["SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK"]
    for name in reversed(names) if "SLURM_STEP_ID" in environment else names:
        if name in environment:
            return _number(environment, name)
    raise ValueError(
        "SLURM_JOB_ID is set, and neither SLURM_CPUS_PER_TASK nor SLURM_CPUS_ON_NODE says how many CPUs the job has; "
        "ask for them with --cpus-per-task"
    )


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
        return _number(environment, "SLURM_MEM_PER_CPU") * _slurm_cpus(environment) or None
    return None


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment[name]
    if not text.isdecimal():
        raise ValueError(f"{name} must be a number, got '{text}'; is this environment Slurm's own?")
    return int(text)
