"""Processors, memory and handles of this machine, against what a profile wants."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

import psutil

from campaign.doctor.check import GIB, Check, Status
from campaign.spec.profile import LocalProfile, Profile, RayProfile, SlurmProfile
from cluster.node.allocation import available_cpus

CGROUP_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
SHARED_MEMORY = Path("/dev/shm")
WORKER_MEMORY = 0.5 * GIB  # a worker with torch loaded, measured at 475 MB
DRIVER_MEMORY = 1.5 * GIB  # Ray's own processes and the driver
OBJECT_STORE = 256 * 2**20  # what a local run takes of shared memory
ENOUGH_OPEN_FILES = 4096  # Ray holds about a hundred sockets for each worker
ENOUGH_PROCESSES = 2048  # threads count: a worker of Ray has some twenty, its services two hundred
CGROUP_PROCESS_LIMITS = (Path("/sys/fs/cgroup/pids.max"), Path("/sys/fs/cgroup/pids/pids.max"))


def check_cpus(profile: Profile) -> Check:
    """No more workers than CPUs."""
    cpus, workers = available_cpus(), profile.planned_workers()
    if isinstance(profile, LocalProfile) and workers > cpus:
        message = f"{workers} workers for {cpus} CPUs: each will wait for the others"
        return Check("cpus", "warning", message, f"write workers: {cpus} in the profile, or leave it out")
    return Check("cpus", "ok", f"{workers} workers, {cpus} CPUs here")


def check_memory(profile: Profile, simulation_bytes: int = 0) -> Check:
    """The workers fit into memory, each with a simulation that takes so much of it."""
    each = WORKER_MEMORY + simulation_bytes
    if isinstance(profile, SlurmProfile):
        return _memory_of_node(profile, each)
    workers, free = profile.planned_workers(), _available_memory()
    needed = DRIVER_MEMORY + workers * each
    message = f"{free / GIB:.1f} GiB free, {workers} workers need about {needed / GIB:.1f} GiB"
    if isinstance(profile, RayProfile) or free >= needed:
        return Check("memory", "ok", message)
    fitting = int((free - DRIVER_MEMORY) // each)
    if fitting < 1:
        fix = (
            "end other programs" if simulation_bytes < WORKER_MEMORY else "write fewer orders, or take a larger machine"
        )
        return Check("memory", "failure", message, fix)
    # A worker alone may take less than it was measured to; what a simulation takes is certain.
    status: Status = "failure" if simulation_bytes > WORKER_MEMORY else "warning"
    return Check("memory", status, message, f"write workers: {fitting} in the profile")


def _memory_of_node(profile: SlurmProfile, each: float) -> Check:
    """What a job wants of every node, where the profile says so."""
    workers = -(-profile.planned_workers() // profile.nodes) if profile.workers else profile.cpus_per_node
    needed, wanted = DRIVER_MEMORY + workers * each, profile.memory_gb_per_node
    message = f"{workers} workers a node need about {needed / GIB:.1f} GiB"
    if wanted is None or wanted * GIB >= needed:
        return Check("memory", "ok", message if wanted is None else f"{message}, the job has {wanted:g} GiB")
    fix = f"write memory_gb_per_node: {-(-needed // GIB):.0f} in the profile, or fewer workers"
    return Check("memory", "failure", f"{message}, the profile says {wanted:g} GiB", fix)


def _available_memory() -> float:
    """Bytes that new processes may take; no more than a container's limit."""
    free = float(psutil.virtual_memory().available)
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


def check_processes(profile: Profile) -> Check:
    """Enough threads for Ray's services and the workers."""
    needed = max(ENOUGH_PROCESSES, 64 * profile.planned_workers() if isinstance(profile, LocalProfile) else 0)
    limits = [resource.getrlimit(resource.RLIMIT_NPROC)[0], *_cgroup_process_limits()]
    limit = min((each for each in limits if each != resource.RLIM_INFINITY), default=None)
    if limit is None or limit >= needed:
        return Check("processes", "ok", f"threads of this user: at most {limit if limit is not None else 'any number'}")
    message = f"at most {limit} threads, a run may need {needed}: Ray then fails with odd errors such as EAGAIN"
    return Check("processes", "warning", message, "ulimit -u unlimited, or ask for a higher nproc (pids.max) limit")


def _cgroup_process_limits() -> list[int]:
    found = []
    for path in CGROUP_PROCESS_LIMITS:
        try:
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such limit, or the word "max" in it
            continue
    return found
