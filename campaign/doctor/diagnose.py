"""What of this machine would stop or slow a campaign, each with what to do about it.

The quick checks import neither torch nor Ray; ``deep=True`` also starts a Python that does.
"""

from __future__ import annotations

from pathlib import Path

from campaign.doctor.check import Check
from campaign.doctor.gpu import check_gpu
from campaign.doctor.machine import check_cpus, check_memory, check_open_files, check_processes, check_shared_memory
from campaign.doctor.mounts import check_clock, check_shared
from campaign.doctor.network import check_cluster, check_host_name, check_loopback, check_ports
from campaign.doctor.ray import check_joining, check_ray
from campaign.doctor.slurm import check_slurm
from campaign.doctor.software import check_libraries, check_packages, check_python, check_threads
from campaign.doctor.storage import check_disk, check_file_system, check_temp_dir, nearest_folder
from campaign.spec.profile import LAPTOP, InProcessProfile, Profile, RayProfile

__all__ = ["Check", "diagnose"]


def diagnose(profile: Profile | None = None, runs: Path = Path("runs"), deep: bool = False) -> list[Check]:
    """Check this machine for campaigns under ``profile``; leaves no file behind.

    Parameters
    ----------
    profile
        Where campaigns are to run; default: this machine.
    runs
        Folder of all runs, which need not be there yet.
    deep
        Also load torch and Ray in a process of their own and solve a system; takes seconds.
    """
    profile = profile or LAPTOP
    folder = nearest_folder(runs)
    checks = [
        check_python(),
        *check_packages(),
        check_ray(),
        check_threads(),
        check_cpus(profile),
        check_memory(profile),
        check_shared_memory(),
        check_open_files(),
        check_processes(profile),
        check_gpu(profile),
        check_disk(runs),
        check_file_system(runs),
        check_shared(folder, profile),
        check_clock(folder),
        check_loopback(),
        check_host_name(),
        *check_slurm(profile),
    ]
    if isinstance(profile, RayProfile):
        checks += _check_standing(profile.address)
    elif not isinstance(profile, InProcessProfile):
        checks += [check_ports(), check_temp_dir(profile.temp_dir)]
    return [*checks, check_libraries()] if deep else checks


def _check_standing(address: str) -> list[Check]:
    """A cluster that stands already; nobody tries to join where nothing answers."""
    found = check_cluster(address)
    return [found] if found.status == "failure" else [found, check_joining(address)]
