"""What a process may use: Slurm's word inside a job, the machine's outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.node import allocation as module
from cluster.node.allocation import Allocation, AllocationError, allocation, available_cpus, cpus_on_nodes


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
        # A shell of salloc.
        ({"SLURM_JOB_CPUS_PER_NODE": "4(x2),8", "SLURM_CPUS_PER_TASK": "2"}, Allocation(4)),
        ({"SLURM_STEP_ID": "0", "SLURM_JOB_CPUS_PER_NODE": "4(x2)"}, Allocation(4)),
        # Nothing says how many CPUs: those of the machine.
        ({}, Allocation(8)),
        ({"SLURM_GPUS_ON_NODE": "1", "SLURM_MEM_PER_CPU": "512"}, Allocation(8, gpus=1, memory_mb=4096)),
    ],
)
def test_in_a_job_slurm_counts_where_it_says_something(
    variables: dict[str, str], expected: Allocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CGROUP_CPU_LIMIT", tmp_path / "none")
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert allocation({"SLURM_JOB_ID": "17", "CUDA_VISIBLE_DEVICES": "0,1,2", **variables}) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("SLURM_CPUS_ON_NODE", "4(x2)", "a number"),
        ("SLURM_CPUS_PER_TASK", "-1", "a number"),
        ("SLURM_JOB_CPUS_PER_NODE", "4(x", "numbers of CPUs such as 4(x2),8"),
        ("SLURM_MEM_PER_NODE", "2G", "a number"),
        ("SLURM_GPUS_ON_NODE", "", "a number"),
    ],
)
def test_what_slurm_would_not_say_is_refused(name: str, text: str, expected: str) -> None:
    message = f"{name} must be {expected}, got '{text}'; is this environment Slurm's own?"
    with pytest.raises(AllocationError, match=f"^{re.escape(message)}$"):
        allocation({"SLURM_JOB_ID": "17", name: text})


def test_cpus_of_nodes_are_read_as_slurm_writes_them() -> None:
    assert cpus_on_nodes("4(x2),8") == (4, 4, 8)
    assert cpus_on_nodes("") == ()
