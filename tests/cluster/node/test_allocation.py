"""What a process may use: what Slurm grants inside a job as far as it says so, what the machine has otherwise."""

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
        # The shell of salloc, then with a node of the job's in it.
        ({"SLURM_JOB_CPUS_PER_NODE": "4(x2),8"}, Allocation(4)),
        ({"SLURM_JOB_CPUS_PER_NODE": "4(x2),8", "SLURM_NODEID": "2"}, Allocation(8)),
        ({"SLURM_JOB_CPUS_PER_NODE": "4", "SLURM_MEM_PER_CPU": "512"}, Allocation(4, memory_mb=2048)),
        ({"SLURM_JOB_CPUS_PER_NODE": "4", "SLURM_CPUS_ON_NODE": ""}, Allocation(4)),
    ],
)
def test_in_a_job_only_slurm_counts(variables: dict[str, str], expected: Allocation) -> None:
    assert allocation({"SLURM_JOB_ID": "17", "CUDA_VISIBLE_DEVICES": "0,1,2", **variables}) == expected


@pytest.mark.parametrize("variables", [{}, {"SLURM_JOB_CPUS_PER_NODE": ""}, {"SLURM_NODEID": "1"}])
def test_a_job_of_which_nothing_is_known_has_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str]
) -> None:
    monkeypatch.setattr(module, "CGROUP_CPU_LIMIT", tmp_path / "none")
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert allocation({"SLURM_JOB_ID": "17", **variables}) == Allocation(8)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"SLURM_CPUS_ON_NODE": "4(x2)"},
            "SLURM_CPUS_ON_NODE must be a number, got '4(x2)'; is this environment Slurm's own?",
        ),
        (
            {"SLURM_JOB_CPUS_PER_NODE": "four"},
            "CPUs of nodes must be numbers such as 4(x2),8, got 'four'; is this environment Slurm's own?",
        ),
    ],
)
def test_a_variable_that_makes_no_sense_is_refused(variables: dict[str, str], message: str) -> None:
    with pytest.raises(AllocationError, match=re.escape(message)):
        allocation({"SLURM_JOB_ID": "17", **variables})


def test_cpus_of_nodes_are_read_as_slurm_writes_them() -> None:
    assert cpus_on_nodes("4(x2),8") == (4, 4, 8)
