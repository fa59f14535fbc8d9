"""Processors, memory and handles of this machine, against what a profile asks for."""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path

from campaign.diagnosis.check import GIB, Check
from campaign.profiles import LocalProfile, Profile
from cluster.allocation import available_cpus

MEMINFO = Path("/proc/meminfo")
CGROUP_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
SHARED_MEMORY = Path("/dev/shm")
WORKER_MEMORY = 0.5 * GIB  # a worker with torch loaded, measured at 475 MB
DRIVER_MEMORY = 1.5 * GIB  # Ray's own processes and the driver
OBJECT_STORE = 256 * 2**20  # what a local run asks of shared memory
ENOUGH_OPEN_FILES = 4096  # Ray holds about a hundred sockets for each worker
PROBE_SECONDS = 10.0


def check_cpus(profile: Profile) -> Check:
    """No more workers than CPUs."""
    cpus, workers = available_cpus(), profile.planned_workers()
    if isinstance(profile, LocalProfile) and workers > cpus:
        message = f"{workers} workers for {cpus} CPUs: each will wait for the others"
        return Check("cpus", "warning", message, f"write workers: {cpus} in the profile, or leave it out")
    return Check("cpus", "ok", f"{workers} workers, {cpus} CPUs here")


def check_memory(profile: Profile) -> Check:
    """The workers fit into memory."""
    workers, free = profile.planned_workers(), _available_memory()
    if free is None:
        return Check("memory", "ok", "unknown: this system has no /proc/meminfo")
    needed = DRIVER_MEMORY + workers * WORKER_MEMORY
    message = f"{free / GIB:.1f} GiB free, {workers} workers need about {needed / GIB:.1f} GiB"
    if not isinstance(profile, LocalProfile) or free >= needed:
        return Check("memory", "ok", message)
    fitting = int((free - DRIVER_MEMORY) // WORKER_MEMORY)
    fix = f"write workers: {fitting} in the profile" if fitting >= 1 else "end other programs"
    return Check("memory", "warning" if fitting >= 1 else "failure", message, fix)


def _available_memory() -> float | None:
    try:
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text(encoding="ascii").splitlines())
        free = float(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return None
    try:
        return min(free, float(CGROUP_MEMORY_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no limit file, or the word "max" in it
        return free


def check_shared_memory() -> Check:
    """Ray's object store fits into shared memory."""
    if not SHARED_MEMORY.is_dir():
        return Check("shared memory", "ok", f"this system has no {SHARED_MEMORY}; Ray uses files")
    free = shutil.disk_usage(SHARED_MEMORY).free
    message = f"{free / GIB:.2f} GiB free in {SHARED_MEMORY}, a run takes {OBJECT_STORE / GIB:.2f} GiB"
    if free >= OBJECT_STORE:
        return Check("shared memory", "ok", message)
    fix = "remove old files there, or start the container with --shm-size=1g; Ray falls back to slow files"
    return Check("shared memory", "warning", message, fix)


def check_open_files() -> Check:
    """Enough handles for Ray's sockets; it raises the soft limit to the hard one itself."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= ENOUGH_OPEN_FILES:
        return Check("open files", "ok", f"hard limit {'none' if hard == resource.RLIM_INFINITY else hard}")
    message = f"hard limit {hard}, many workers may need {ENOUGH_OPEN_FILES}"
    return Check("open files", "warning", message, "raise nofile in /etc/security/limits.conf, or use fewer workers")


def check_gpu() -> Check:
    """GPUs that the driver shows; none are needed."""
    if shutil.which("nvidia-smi") is None:
        return Check("gpu", "ok", "none seen: everything runs on CPUs")
    answer, error = _answer("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    if error:
        return Check("gpu", "warning", f"nvidia-smi is there but fails: {error}", "mend the driver, or run on CPUs")
    return Check("gpu", "ok", "; ".join(answer.splitlines()))


def check_slurm() -> Check:
    """Slurm's commands answer where they are installed; none are needed."""
    if shutil.which("sbatch") is None:
        return Check("slurm", "ok", "not on this machine")
    answer, error = _answer("sinfo", "--noheader", "--format=%P %a %D")
    if error:
        fix = "ask whether the controller is up: scontrol ping"
        return Check("slurm", "warning", f"sbatch is there but sinfo fails: {error}", fix)
    return Check("slurm", "ok", f"partitions (name, state, nodes): {'; '.join(answer.splitlines())}")


def _answer(*command: str) -> tuple[str, str]:
    """What a command prints, and why it failed; the second is empty when it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {PROBE_SECONDS:g} s"
    except OSError as error:
        return "", error.strerror or str(error)
    said = (done.stderr or done.stdout).strip().partition("\n")[0]
    return done.stdout.strip(), "" if done.returncode == 0 else said or f"exit code {done.returncode}"
