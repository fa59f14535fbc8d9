"""The doctor: a healthy machine passes, and each ailment is named with its remedy."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from campaign.diagnosis import machine, network, requirements, software, storage
from campaign.diagnosis.check import GIB
from campaign.doctor import Check, diagnose
from campaign.profiles import LAPTOP, LocalProfile, RayProfile

TWO_WORKERS = LocalProfile(kind="local", workers=2)


class Usage(NamedTuple):
    """What ``shutil.disk_usage`` answers."""

    total: int
    used: int
    free: int


def with_free(monkeypatch: pytest.MonkeyPatch, module: Any, free: float) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Usage(10**12, 0, int(free)))


def test_this_machine_can_run_campaigns_and_no_file_stays(tmp_path: Path) -> None:
    checks = diagnose(LAPTOP, tmp_path / "runs" / "deep")

    assert [check for check in checks if check.status == "failure"] == []
    assert all(check.fix for check in checks if check.status != "ok")
    assert {"python", "packages", "cpus", "memory", "disk", "file system", "loopback", "threads"} <= {
        check.name for check in checks
    }
    assert list(tmp_path.iterdir()) == []


def test_only_a_deep_diagnosis_loads_the_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "LIBRARY_PROBE", "print('torch and Ray are fine')")

    assert "libraries" not in [check.name for check in diagnose(runs=tmp_path)]
    assert diagnose(runs=tmp_path, deep=True)[-1] == Check("libraries", "ok", "torch and Ray are fine")


def test_the_cluster_is_looked_for_under_a_ray_profile(tmp_path: Path) -> None:
    checks = diagnose(RayProfile(kind="ray", address="nowhere"), tmp_path)

    assert checks[-1] == Check(
        "cluster", "failure", "'nowhere' is no host:port", "write address: HOST:PORT in the profile"
    )


# --- software ---------------------------------------------------------------------------------------------------


def test_old_python_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "requires_python", lambda: SpecifierSet(">=99"))
    version = ".".join(map(str, sys.version_info[:3]))

    assert software.check_python() == Check(
        "python", "failure", f"Python {version}, >=99 is needed", "use a Python >=99"
    )


def test_missing_and_old_packages_are_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = [Requirement("zarr>=99"), Requirement("no-such-package>=1.2"), Requirement("numpy>=1")]
    monkeypatch.setattr(requirements, "requirements", lambda: needed)
    monkeypatch.setattr(requirements, "installed_version", {"zarr": "3.1.6", "numpy": "2.4"}.get)

    assert list(software.check_packages()) == [
        Check(
            "packages",
            "failure",
            "zarr 3.1.6, >=99 is needed",
            "pip install -c constraints.txt 'zarr>=99'",
        ),
        Check(
            "packages",
            "failure",
            "no-such-package is not installed, >=1.2 is needed",
            "pip install -c constraints.txt 'no-such-package>=1.2'",
        ),
    ]


def test_package_past_the_tried_release_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "constraints.txt").write_text("# pins\nray==2.60.0\nzarr==3.1.6\n", encoding="utf-8")
    monkeypatch.setattr(requirements, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(requirements, "requirements", lambda: [Requirement("ray>=2"), Requirement("zarr>=3")])
    monkeypatch.setattr(requirements, "installed_version", {"ray": "2.61.1", "zarr": "3.1.9"}.get)

    assert list(software.check_packages()) == [
        Check(
            "packages",
            "warning",
            "ray 2.61.1 is newer than 2.60.0, the newest that was tried",
            "if something breaks: pip install 'ray==2.60.0'",
        )
    ]


def test_project_that_is_not_installed_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "DISTRIBUTION", "no-such-distribution")

    assert requirements.requirements() == []
    assert requirements.requires_python() is None


def test_thread_settings_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in software.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert software.check_threads().status == "ok"
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")

    check = software.check_threads()

    assert check.status == "warning"
    assert check.message.startswith("OMP_NUM_THREADS=8: workers set it to 1 for themselves")
    assert check.fix == "unset OMP_NUM_THREADS"


@pytest.mark.slow
def test_the_libraries_of_this_environment_load_and_solve() -> None:
    check = software.check_libraries()

    assert check.status == "ok", check.message
    assert check.message.startswith("torch ")


def test_libraries_that_do_not_load_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "LIBRARY_PROBE", "raise SystemExit('torch.linalg.solve is off by 1.0e-02')")
    assert software.check_libraries() == Check(
        "libraries",
        "failure",
        "torch.linalg.solve is off by 1.0e-02",
        "set the environment up again from constraints.txt",
    )
    monkeypatch.setattr(software, "LIBRARY_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(software, "PROBE_SECONDS", 0.2)
    assert software.check_libraries().message == "torch and Ray did not load within 0.2 s"


# --- machine ----------------------------------------------------------------------------------------------------


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
    (tmp_path / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {free_kib} kB\n", encoding="ascii")
    (tmp_path / "memory.max").write_text(limit, encoding="ascii")
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP_MEMORY_LIMIT", tmp_path / "memory.max")

    check = machine.check_memory(TWO_WORKERS)

    assert (check.status, check.fix) == (status, fix)
    assert check.message.endswith("2 workers need about 2.5 GiB")


def test_memory_is_unknown_without_meminfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")

    assert machine.check_memory(TWO_WORKERS) == Check("memory", "ok", "unknown: this system has no /proc/meminfo")


def test_small_shared_memory_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SHARED_MEMORY", tmp_path)
    with_free(monkeypatch, machine, 64 * 2**20)

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


def put_command(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    command = folder / name
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


def test_gpus_are_shown_and_a_broken_driver_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_command(tmp_path, monkeypatch, "nvidia-smi", "echo 'A100, 40960 MiB'; echo 'A100, 40960 MiB'")
    assert machine.check_gpu() == Check("gpu", "ok", "A100, 40960 MiB; A100, 40960 MiB")
    put_command(tmp_path, monkeypatch, "nvidia-smi", "echo 'driver mismatch' >&2; exit 9")
    assert machine.check_gpu() == Check(
        "gpu", "warning", "nvidia-smi is there but fails: driver mismatch", "mend the driver, or run on CPUs"
    )
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert machine.check_gpu() == Check("gpu", "ok", "none seen: everything runs on CPUs")


def test_slurm_is_shown_and_a_dead_controller_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert machine.check_slurm() == Check("slurm", "ok", "not on this machine")
    put_command(tmp_path, monkeypatch, "sbatch", "exit 0")
    put_command(tmp_path, monkeypatch, "sinfo", "echo 'debug* up 3'")
    assert machine.check_slurm() == Check("slurm", "ok", "partitions (name, state, nodes): debug* up 3")
    put_command(tmp_path, monkeypatch, "sinfo", "exec sleep 60")
    monkeypatch.setattr(machine, "PROBE_SECONDS", 0.2)
    assert machine.check_slurm() == Check(
        "slurm",
        "warning",
        "sbatch is there but sinfo fails: no answer within 0.2 s",
        "ask whether the controller is up: scontrol ping",
    )


# --- storage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("free", "status"), [(9 * GIB, "ok"), (2 * GIB, "warning"), (0.5 * GIB, "failure")])
def test_disk_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, status: str) -> None:
    with_free(monkeypatch, storage, free)

    check = storage.check_disk(tmp_path / "runs")

    assert check.status == status
    assert check.message == f"{free / GIB:.1f} GiB free for {tmp_path / 'runs'}"
    assert bool(check.fix) == (status != "ok")


def test_folder_that_cannot_be_written_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(storage.tempfile, "TemporaryDirectory", refuse)

    assert storage.check_file_system(tmp_path / "runs") == Check(
        "file system",
        "failure",
        f"cannot write in {tmp_path}: Permission denied",
        f"make {tmp_path} writable, or name another folder with --runs",
    )


def test_file_system_without_working_locks_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.fcntl, "flock", lambda file, how: None)  # as on mounts with locks switched off

    check = storage.check_file_system(tmp_path)

    assert check.status == "failure"
    assert check.message == f"the file system of {tmp_path} does not keep: file locks"


def test_long_temp_dir_is_a_failure(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    long = Path("/tmp") / ("x" * 80)

    check = diagnose(LocalProfile(kind="local", temp_dir=long), tmp_path)[-1]

    assert check.name == "temp_dir"
    assert check.status == "failure"
    assert str(long) in check.message
    assert diagnose(LocalProfile(kind="local", temp_dir=Path("/tmp/r")), tmp_path)[-1].status == "ok"


# --- network ----------------------------------------------------------------------------------------------------


def test_closed_loopback_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(network.socket, "create_connection", refuse)

    check = network.check_loopback()

    assert check.status == "failure"
    assert check.message == "cannot connect to a port of 127.0.0.1: [Errno 1] Operation not permitted"


def test_cluster_is_there_when_its_port_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert network.check_cluster("auto").status == "ok"
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert network.check_cluster(address) == Check("cluster", "ok", f"something listens at {address}")
    check = network.check_cluster(address)
    assert check.status == "failure"
    assert check.message.startswith(f"nothing answers at {address}: ")
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert network.check_cluster("auto").status == "failure"
