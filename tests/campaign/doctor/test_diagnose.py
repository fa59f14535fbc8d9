"""The doctor: a healthy machine passes, and each ailment is named with its remedy."""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from campaign.doctor import (
    check as command,
)
from campaign.doctor import (
    gpu,
    machine,
    mounts,
    network,
    ray,
    slurm,
    software,
    storage,
)
from campaign.doctor import (
    software as requirements,
)
from campaign.doctor.check import GIB
from campaign.doctor.diagnose import Check, diagnose
from campaign.spec.profile import LAPTOP, LocalProfile, RayProfile

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


# --- GPUs -------------------------------------------------------------------------------------------------------

TWO_CARDS = "echo 'A100, 40960 MiB'; echo 'A100, 40960 MiB'"


ON_GPUS = LocalProfile(kind="local", use_gpu=True)


def test_gpus_are_shown_and_a_broken_driver_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    put_command(tmp_path, monkeypatch, "nvidia-smi", TWO_CARDS)
    shown = "A100, 40960 MiB; A100, 40960 MiB; 2 of 2 visible to runs; the profile takes none of this machine"
    assert gpu.check_gpu(LAPTOP) == Check("gpu", "ok", shown)
    assert gpu.check_gpu(RayProfile(kind="ray", use_gpu=True)).status == "ok"  # its GPUs are elsewhere
    put_command(tmp_path, monkeypatch, "nvidia-smi", "echo 'driver mismatch' >&2; exit 9")
    assert gpu.check_gpu(LAPTOP) == Check(
        "gpu", "warning", "nvidia-smi is there but fails: driver mismatch", "mend the driver, or run on CPUs"
    )
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert gpu.check_gpu(LAPTOP) == Check("gpu", "ok", "none seen: everything here runs on CPUs")


def test_gpus_that_the_profile_asks_for_must_be_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "torch_cuda", lambda: "12.8")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    put_command(tmp_path, monkeypatch, "nvidia-smi", TWO_CARDS)
    assert gpu.check_gpu(ON_GPUS) == Check(
        "gpu", "ok", "A100, 40960 MiB; A100, 40960 MiB; 1 of 2 visible to runs; torch for CUDA 12.8"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    hidden = gpu.check_gpu(ON_GPUS)
    assert hidden.status == "failure"
    assert hidden.message.endswith("none is visible of 2; CUDA_VISIBLE_DEVICES is ''")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert gpu.check_gpu(ON_GPUS).message == "the profile says use_gpu: true, and none is visible: no GPU"


def test_gpus_for_which_torch_was_not_built_are_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "torch_cuda", lambda: None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    put_command(tmp_path, monkeypatch, "nvidia-smi", TWO_CARDS)
    check = gpu.check_gpu(ON_GPUS)
    assert check.status == "failure"
    assert "2 of 2 visible to runs, but torch was built for CPUs only" in check.message
    assert check.fix == "install torch for CUDA, or write use_gpu: false in the profile"
    assert gpu.check_gpu(LAPTOP).status == "ok"  # what is not used cannot fail


@pytest.mark.parametrize(
    ("setting", "visible"),
    [(None, 2), ("", 0), ("-1", 0), ("0", 1), ("0,1", 2), ("0,7,1", 1), ("GPU-8932f937,GPU-1", 2), ("1,,0", 1)],
)
def test_visible_gpus_are_counted_as_cuda_does(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, visible: int
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if setting is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)
    assert gpu.visible_gpus(2) == visible


def test_what_torch_was_built_for_is_read_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for text, cuda in (("cuda: Optional[str] = '12.8'\n", "12.8"), ("cuda: Optional[str] = None\n", None)):
        (tmp_path / "torch" / "version.py").write_text(f"__version__ = '2'\n{text}")
        assert gpu.torch_cuda() == cuda


# --- Slurm ------------------------------------------------------------------------------------------------------

HEALTHY = {
    "SelectType": "select/cons_tres",
    "TaskPlugin": "task/affinity",
    "ProctrackType": "proctrack/cgroup",
    "AccountingStorageType": "accounting_storage/slurmdbd",
    "JobRequeue": "1",
}


def put_slurm(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str = "22.05.8", **settings: str) -> None:
    put_command(folder, monkeypatch, "sbatch", "exit 0")
    put_command(
        folder,
        monkeypatch,
        "sinfo",
        f"if [ \"$1\" = --version ]; then echo 'slurm-wlm {version}'; else echo 'debug* up 3'; fi",
    )
    lines = "; ".join(f"echo '{name:<23} = {value}'" for name, value in {**HEALTHY, **settings}.items())
    put_command(folder, monkeypatch, "scontrol", f"echo 'Configuration data as of now'; {lines}")


class SlurmLike:
    """A profile that sends jobs to Slurm, as far as these checks ask."""

    kind = "slurm"


SENDS_JOBS: Any = SlurmLike()


def test_a_healthy_slurm_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_slurm(tmp_path, monkeypatch)
    assert list(slurm.check_slurm(SENDS_JOBS)) == [
        Check("slurm", "ok", "partitions (name, state, nodes): debug* up 3"),
        Check("slurm version", "ok", "slurm-wlm 22.05.8; 22.05 was tried"),
        Check(
            "slurm plugins",
            "ok",
            "select/cons_tres, task/affinity, proctrack/cgroup; accounts are kept, jobs may be requeued",
        ),
    ]


def test_no_slurm_matters_to_a_profile_that_needs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert list(slurm.check_slurm(LAPTOP)) == [Check("slurm", "ok", "not on this machine")]
    (check,) = slurm.check_slurm(SENDS_JOBS)
    assert check.status == "failure"
    assert "login node" in check.fix


@pytest.mark.parametrize(("profile", "status"), [(LAPTOP, "warning"), (SENDS_JOBS, "failure")])
def test_a_dead_controller_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: Any, status: str) -> None:
    put_slurm(tmp_path, monkeypatch)
    put_command(tmp_path, monkeypatch, "sinfo", "exec sleep 60")
    monkeypatch.setattr(command, "PROBE_SECONDS", 0.2)
    assert list(slurm.check_slurm(profile)) == [
        Check(
            "slurm",
            status,  # type: ignore[arg-type]
            "sbatch is there but sinfo fails: no answer within 0.2 s",
            "ask whether the controller is up: scontrol ping",
        )
    ]


@pytest.mark.parametrize(
    ("settings", "name", "status"),
    [
        ({"version": "20.02.7"}, "slurm version", "failure"),
        ({"version": "?"}, "slurm version", "warning"),
        ({"SelectType": "select/linear"}, "slurm select", "warning"),
        ({"TaskPlugin": "task/none"}, "slurm tasks", "warning"),
        ({"ProctrackType": "proctrack/pgid"}, "slurm processes", "failure"),
        ({"AccountingStorageType": "accounting_storage/none"}, "slurm accounts", "warning"),
        ({"JobRequeue": "0"}, "slurm requeue", "warning"),
    ],
)
def test_each_ailment_of_slurm_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], name: str, status: str
) -> None:
    put_slurm(tmp_path, monkeypatch, **settings)
    (check,) = [check for check in slurm.check_slurm(SENDS_JOBS) if check.status != "ok"]
    assert (check.name, check.status) == (name, status)
    assert check.fix
    assert {check.status for check in slurm.check_slurm(LAPTOP)} <= {"ok", "warning"}  # nothing there would fail


def test_a_slurm_that_does_not_show_its_settings_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_slurm(tmp_path, monkeypatch)
    put_command(tmp_path, monkeypatch, "scontrol", "echo 'slurm_load_ctl_conf error' >&2; exit 1")
    assert list(slurm.check_slurm(SENDS_JOBS))[-1].message == "unknown: slurm_load_ctl_conf error"


# --- Ray --------------------------------------------------------------------------------------------------------


def test_ray_is_there_whole_or_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"ray": "2.60.0", **dict.fromkeys(ray.DASHBOARD_PACKAGES, "1")}
    monkeypatch.setattr(ray, "installed_version", there.get)
    assert ray.check_ray() == Check("ray", "ok", "Ray 2.60.0 with dashboard and metrics")
    del there["prometheus-client"]
    assert ray.check_ray() == Check(
        "ray",
        "warning",
        "Ray 2.60.0 without prometheus-client: no dashboard and no metrics",
        "pip install -c constraints.txt 'ray[default]==2.60.0'",
    )
    there.clear()
    assert ray.check_ray().status == "failure"


@pytest.mark.parametrize(
    ("probe", "status", "message", "fix"),
    [
        ('print(\'{"cpus": 8, "gpus": 1, "nodes": 2}\')', "ok", "takes a driver of this environment: 8 CPUs", ""),
        (
            'print(\'{"error": "Version mismatch: The cluster was started with: Ray: 2.9"}\')',
            "failure",
            "refuses: Version mismatch: The cluster was started with: Ray: 2.9",
            "start the cluster and run `campaign` from the same environment",
        ),
        (
            'print(\'{"error": "no authentication token"}\')',
            "failure",
            "refuses: no authentication token",
            "export RAY_AUTH_TOKEN_PATH=FILE with the cluster's own token",
        ),
        ("raise SystemExit('no module named ray')", "failure", "refuses: no module named ray", "see whether it is one"),
        ("import time; time.sleep(60)", "failure", "nobody could join h:1 within 3 s", "ray status"),
    ],
)
def test_joining_a_cluster_is_tried(
    monkeypatch: pytest.MonkeyPatch, probe: str, status: str, message: str, fix: str
) -> None:
    monkeypatch.setattr(ray, "JOIN_PROBE", probe)
    if "sleep" in probe:
        monkeypatch.setattr(ray, "JOIN_SECONDS", 3.0)
    check = ray.check_joining("h:1")
    assert check.status == status
    assert message in check.message
    assert fix in check.fix


def put_command(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    command = folder / name
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


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
    long = Path("/tmp") / ("x" * 80)

    check = diagnose(LocalProfile(kind="local", temp_dir=long), tmp_path)[-1]

    assert check.name == "temp_dir"
    assert check.status == "failure"
    assert str(long) in check.message
    assert diagnose(LocalProfile(kind="local", temp_dir=Path("/tmp/r")), tmp_path)[-1].status == "ok"


def test_without_a_temp_dir_the_systems_own_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert storage.check_temp_dir(None).status == "ok"

    def refuse(*arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(storage, "_bind", refuse)
    check = storage.check_temp_dir(tmp_path)
    assert check.status == "failure" or "must have at most" in check.message
    short = storage.check_temp_dir(Path("/tmp/r"))
    assert short.message == "no socket can be made in /tmp, where Ray's would be: Operation not supported"


def test_a_tmpdir_that_ray_cannot_read_is_told_with_the_folder_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="zoé", dir="/tmp") as unfit:
        monkeypatch.setattr(tempfile, "tempdir", unfit)
        check = storage.check_temp_dir(None)
    assert check.status == "ok"
    assert check.message.startswith("/tmp takes Ray's sockets")
    assert "TMPDIR is not used for Ray: temp_dir must be written in ASCII" in check.message
    assert unfit in check.message


def test_a_full_temp_dir_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(monkeypatch, storage, 0.1 * GIB)
    assert storage.check_temp_dir(Path("/tmp/r")).status == "warning"


def mounted(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    table = f"22 1 0:1 / / rw - ext4 /dev/sda rw\n23 22 0:2 / {folder} {line}\n"
    path = folder / "mountinfo"
    path.write_text(table, encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTS", path)


RAY_ELSEWHERE = RayProfile(kind="ray", address="h:1")


@pytest.mark.parametrize(
    ("line", "profile", "status", "message"),
    [
        ("rw shared:1 - nfs4 server:/export rw,vers=4.2,hard", RAY_ELSEWHERE, "ok", "is on nfs4 (server:/export)"),
        (
            "rw - nfs server:/export rw,nolock",
            RAY_ELSEWHERE,
            "ok",
            "locks hold on one node only (nolock)",
        ),
        (
            "rw - nfs server:/export rw,nocto",
            RAY_ELSEWHERE,
            "warning",
            "mounted with nocto: nodes see each",
        ),
        ("rw - nfs4 server:/export rw,acregmax=600", RAY_ELSEWHERE, "warning", "mounted with acregmax=600"),
        ("rw - lustre mds@tcp:/scratch rw,localflock", RAY_ELSEWHERE, "ok", "is on lustre"),
        ("rw - tmpfs tmpfs rw", RAY_ELSEWHERE, "warning", "is on tmpfs (tmpfs), which other nodes do not see"),
        ("rw - tmpfs tmpfs rw", LAPTOP, "ok", "of this machine alone, as is the profile"),
    ],
)
def test_the_file_system_of_runs_is_judged_by_who_has_to_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, profile: Any, status: str, message: str
) -> None:
    mounted(tmp_path, monkeypatch, line)
    check = mounts.check_shared(tmp_path, profile)
    assert check.status == status
    assert message in check.message
    assert bool(check.fix) == (status != "ok")


def test_a_system_without_a_table_of_mounts_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert mounts.check_shared(tmp_path, RAY_ELSEWHERE).status == "ok"


@pytest.mark.parametrize(("ahead", "told"), [(60.0, "60 s behind"), (-60.0, "60 s ahead of"), (0.0, "differ by 0.0 s")])
def test_clocks_that_differ_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float, told: str
) -> None:
    real = mounts.time.time
    monkeypatch.setattr(mounts.time, "time", lambda: real() + ahead)
    check = mounts.check_clock(tmp_path)
    assert check.status == ("warning" if ahead else "ok")
    assert told in check.message or (not ahead and "differ by" in check.message)
    assert list(tmp_path.iterdir()) == []
    assert mounts.check_clock(tmp_path / "none").message.startswith("unknown: nothing can be written")


# --- network ----------------------------------------------------------------------------------------------------


def test_closed_loopback_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(network.socket, "create_connection", refuse)

    check = network.check_loopback()

    assert check.status == "failure"
    assert check.message == "cannot connect to a port of 127.0.0.1: [Errno 1] Operation not permitted"


def test_ports_that_are_all_taken_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert network.check_ports().status == "ok"

    def refuse() -> None:
        raise RuntimeError("no 16 free ports in a row between 20000 and 32767: 798 blocks are all in use")

    monkeypatch.setattr(network, "lock_block", refuse)
    check = network.check_ports()
    assert check.status == "failure"
    assert check.message.startswith("no 16 free ports in a row")


def test_a_host_whose_name_nobody_knows_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network.socket, "gethostname", lambda: "node7")
    monkeypatch.setattr(network.socket, "gethostbyname", lambda name: "10.0.0.7")
    assert network.check_host_name() == Check("host name", "ok", "node7 is 10.0.0.7")

    def unknown(name: str) -> str:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(network.socket, "gethostbyname", unknown)
    check = network.check_host_name()
    assert check.status == "warning"
    assert check.fix == "add the name to /etc/hosts, or ask for a name server that knows node7"


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
