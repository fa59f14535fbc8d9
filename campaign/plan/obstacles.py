"""What keeps a planned run from working on this machine, found before anything starts and without writing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from campaign.doctor.check import GIB, Check
from campaign.doctor.machine import check_memory
from campaign.doctor.network import check_cluster
from campaign.doctor.storage import check_temp_dir, nearest_folder
from campaign.plan.footprint import RUN, Footprint
from campaign.spec.profile import InProcessProfile, LocalProfile, Profile, RayProfile, SlurmProfile

PROBE_SECONDS = 5.0
WITH_MEANING = set("%\\:")  # for sbatch, which also reads its script by lines, and for PYTHONPATH


def obstacles(
    profile: Profile,
    runs: Path,
    cache: Path,
    needed: Footprint,
    training_workers: int = 1,
    simulation_bytes: int = 0,
) -> tuple[Check, ...]:
    """Checks that fail, each with what to do about it; empty where the run can start.

    Parameters
    ----------
    profile
        Where to run.
    runs
        Folder of all runs, which need not be there yet.
    cache
        Folder of finished stages, likewise.
    needed
        Room for what is left to do, the run's own folder included.
    training_workers
        Data-parallel workers that are left to train with.
    simulation_bytes
        Memory of one simulation.
    """
    found = [
        *_unwritable(runs, cache, profile),
        *_no_room(runs, cache, needed),
        check_memory(profile, simulation_bytes),
    ]
    if isinstance(profile, LocalProfile):
        found += [*_no_gpu(profile)]
        if profile.temp_dir is not None:
            found.append(check_temp_dir(profile.temp_dir))
    elif isinstance(profile, RayProfile):
        found.append(check_cluster(profile.address))
    elif isinstance(profile, SlurmProfile):
        found += [*_meaningful_names(runs)]
    elif isinstance(profile, InProcessProfile) and training_workers > 1:
        message = f"{training_workers} workers train together, which is part of the science, and this process is one"
        fix = "write workers: 1 in the spec, or kind: local in the profile"
        found.append(Check("training", "failure", message, fix))
    return tuple(check for check in found if check.status == "failure")


def _meaningful_names(runs: Path) -> Iterator[Check]:
    """Jobs write to files below the folder of runs, and have folders there on their ``PYTHONPATH``."""
    present = {
        character for character in str(runs.absolute()) if character in WITH_MEANING or ord(character) < ord(" ")
    }
    if present:
        shown = ", ".join(repr(character) for character in sorted(present))
        message = f"{runs.absolute()} has {shown} in its name, which file names of jobs or PYTHONPATH give a meaning"
        yield Check("folder of runs", "failure", message, "name another folder with --runs")


def _unwritable(runs: Path, cache: Path, profile: Profile) -> Iterator[Check]:
    folders = {"--runs": runs, "cache": cache}
    if isinstance(profile, LocalProfile) and profile.temp_dir is not None:
        folders["temp_dir"] = profile.temp_dir
    for name, folder in folders.items():
        if (reason := _why_unwritable(folder)) is not None:
            where = "with --runs" if name == "--runs" else f"as {name} in the profile"
            fix = f"make it writable, or name another folder {where}"
            yield Check(f"folder of {name.lstrip('-')}", "failure", reason, fix)


def _why_unwritable(folder: Path) -> str | None:
    nearest = nearest_folder(folder)
    blocking = nearest / folder.absolute().relative_to(nearest).parts[0] if nearest != folder.absolute() else nearest
    if blocking.exists() and not blocking.is_dir():
        return f"{blocking} is a file, where a folder is needed"
    if os.access(nearest, os.W_OK | os.X_OK):
        return None
    read_only = os.statvfs(nearest).f_flag & os.ST_RDONLY
    return f"{nearest} cannot be written: {'its file system is read-only' if read_only else 'permission denied'}"


def _no_room(runs: Path, cache: Path, needed: Footprint) -> Iterator[Check]:
    """Results go into the cache and the rest into the run's folder, perhaps on another file system."""
    folders = {"cache": (nearest_folder(cache), needed), "runs": (nearest_folder(runs), RUN)}
    if folders["cache"][0].stat().st_dev == folders["runs"][0].stat().st_dev:
        del folders["runs"]
    for name, (folder, room) in folders.items():
        free, inodes = shutil.disk_usage(folder).free, os.statvfs(folder)
        if free < room.size:
            message = f"{room.size / GIB:.2f} GiB will be written, {free / GIB:.2f} GiB are free in {folder}"
            yield Check(f"disk of {name}", "failure", message, "make room, or name a folder on another disk")
        if inodes.f_files and inodes.f_favail < room.files:
            message = f"{room.files:,} files will be written, {folder} has room for {inodes.f_favail:,}"
            fix = "remove files, or raise rows_per_unit in the profile, so that more simulations share a file"
            yield Check(f"files of {name}", "failure", message, fix)


def _no_gpu(profile: LocalProfile) -> Iterator[Check]:
    if not profile.gpus:
        return
    found = visible_gpus()
    if found < profile.gpus:
        message = f"the profile asks for {profile.gpus}, this machine shows {found}"
        fix = f"write gpus: {found} in the profile, or run where GPUs are" if found else "leave gpus out of the profile"
        yield Check("gpu", "failure", message, fix)


def visible_gpus() -> int:
    """GPUs that the driver shows and that CUDA_VISIBLE_DEVICES leaves."""
    if shutil.which("nvidia-smi") is None:
        return 0
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=PROBE_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    count = sum(line.startswith("GPU ") for line in done.stdout.splitlines()) if done.returncode == 0 else 0
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return count if allowed is None else min(count, len([each for each in allowed.split(",") if each.strip()]))
