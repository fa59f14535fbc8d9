"""Processors, memory and handles against a profile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from campaign.doctor import machine
from campaign.doctor.check import Check
from campaign.spec.profile import LocalProfile, RayProfile

TWO_WORKERS = LocalProfile(kind="local", workers=2)


def test_more_workers_than_cpus_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_cpus", lambda: 4)

    assert machine.check_cpus(LocalProfile(kind="local", workers=9)) == Check(
        "cpus",
        "warning",
        "9 workers for 4 CPUs: each will wait for the others",
        "write workers: 4 in the profile, or leave it out",
    )
    assert machine.check_cpus(RayProfile(kind="ray", workers=9)).status == "ok"


@pytest.mark.parametrize(
    ("free_kib", "limit", "status", "fix"),
    [
        (8 * 2**20, "max", "ok", ""),
        (2 * 2**20 + 1, "max", "warning", "write workers: 1 in the profile"),
        (8 * 2**20, str(2 * 2**30), "warning", "write workers: 1 in the profile"),
        (1 * 2**20, "max", "failure", "end other programs"),
    ],
)
def test_workers_that_do_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_kib: int, limit: str, status: str, fix: str
) -> None:
    (tmp_path / "memory.max").write_text(limit, encoding="ascii")
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: SimpleNamespace(available=free_kib * 1024))
    monkeypatch.setattr(machine, "CGROUP_MEMORY_LIMIT", tmp_path / "memory.max")

    check = machine.check_memory(TWO_WORKERS)

    assert (check.status, check.fix) == (status, fix)
    assert check.message.endswith("2 workers need about 2.5 GiB")


def test_small_shared_memory_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk_with_free: Callable[[float], None]
) -> None:
    monkeypatch.setattr(machine, "SHARED_MEMORY", tmp_path)
    disk_with_free(64 * 2**20)

    check = machine.check_shared_memory()

    assert check.status == "warning"
    assert check.message == f"0.06 GiB free in {tmp_path}, a run takes 0.25 GiB"
    assert "--shm-size=1g" in check.fix


def test_few_open_files_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (256, 1024))
    assert machine.check_open_files() == Check(
        "open files",
        "warning",
        "hard limit 1024, many workers may need 4096",
        "raise nofile in /etc/security/limits.conf, or use fewer workers",
    )
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (256, machine.resource.RLIM_INFINITY))
    assert machine.check_open_files() == Check("open files", "ok", "hard limit none")


@pytest.mark.parametrize(
    ("soft", "cgroup", "workers", "status"),
    [
        (machine.resource.RLIM_INFINITY, "max", 2, "ok"),
        (4096, "max", 2, "ok"),
        (4096, "1024", 2, "warning"),
        (1024, "max", 2, "warning"),
        (4096, "max", 100, "warning"),
    ],
)
def test_few_threads_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soft: int, cgroup: str, workers: int, status: str
) -> None:
    (tmp_path / "pids.max").write_text(cgroup, encoding="ascii")
    monkeypatch.setattr(machine, "CGROUP_PROCESS_LIMITS", (tmp_path / "pids.max",))
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (soft, soft))

    check = machine.check_processes(LocalProfile(kind="local", workers=workers))

    assert check.status == status
    assert check.fix == ("" if status == "ok" else "ulimit -u unlimited, or ask for a higher nproc (pids.max) limit")
