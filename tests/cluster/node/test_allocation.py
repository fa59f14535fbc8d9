"""What a process may use: Slurm's word inside a job, the machine's outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.node import allocation as module
from cluster.node.allocation import Allocation, allocation, available_cpus


@pytest.mark.parametrize(("limit", "cpus"), [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), (None, 8)])
def test_a_container_may_have_less_than_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, cpus: int
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit, encoding="ascii")
    monkeypatch.setattr(module, "CGROUP_CPU_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)

    assert available_cpus() == cpus
    assert allocation({}) == Allocation(cpus)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SLURM_CPUS_ON_NODE": "6"}, Allocation(6)),
        # The batch script has all of the job on its node, a step of srun only its own.
        ({"SLURM_CPUS_ON_NODE": "6", "SLURM_CPUS_PER_TASK": "2"}, Allocation(6)),
        ({"SLURM_CPUS_ON_NODE": "6", "SLURM_CPUS_PER_TASK": "2", "SLURM_STEP_ID": "0"}, Allocation(2)),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_GPUS_ON_NODE": "1"}, Allocation(2, gpus=1)),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_JOB_GPUS": "0,3"}, Allocation(2, gpus=2)),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_MEM_PER_NODE": "5000"}, Allocation(2, memory_mb=5000)),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_MEM_PER_CPU": "512"}, Allocation(2, memory_mb=1024)),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_MEM_PER_NODE": "0"}, Allocation(2)),
    ],
)
def test_in_a_job_only_slurm_counts(variables: dict[str, str], expected: Allocation) -> None:
    assert allocation({"SLURM_JOB_ID": "17", "CUDA_VISIBLE_DEVICES": "0,1,2", **variables}) == expected


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {},
            "SLURM_JOB_ID is set, and neither SLURM_CPUS_PER_TASK nor SLURM_CPUS_ON_NODE says how many CPUs the job "
            "has; ask for them with --cpus-per-task",
        ),
        (
            {"SLURM_CPUS_ON_NODE": "4(x2)"},
            "SLURM_CPUS_ON_NODE must be a number, got '4(x2)'; is this environment Slurm's own?",
        ),
    ],
)
def test_a_job_that_says_nothing_of_use_is_refused(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        allocation({"SLURM_JOB_ID": "17", **variables})
