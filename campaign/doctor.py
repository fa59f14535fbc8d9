"""What of this machine would stop or slow a campaign, each with what to do about it.

The quick checks import neither torch nor Ray; ``deep=True`` also starts a Python that does.
"""

from __future__ import annotations

from pathlib import Path

from campaign.diagnosis.check import Check
from campaign.diagnosis.machine import (
    check_cpus,
    check_gpu,
    check_memory,
    check_open_files,
    check_shared_memory,
    check_slurm,
)
from campaign.diagnosis.network import check_cluster, check_loopback
from campaign.diagnosis.software import check_libraries, check_packages, check_python, check_threads
from campaign.diagnosis.storage import check_disk, check_file_system, check_temp_dir
from campaign.profiles import LAPTOP, Profile, RayProfile

__all__ = ["Check", "diagnose"]


def diagnose(profile: Profile | None = None, runs: Path = Path("runs"), deep: bool = False) -> list[Check]:
    """Check this machine for campaigns under ``profile``; leaves no file behind.

    Args:
        profile: where campaigns are to run; default: this machine.
        runs: folder of all runs, which need not be there yet.
        deep: also load torch and Ray in a process of their own and solve a system; takes seconds.
    """
    profile = profile or LAPTOP
    checks = [
        check_python(),
        *check_packages(),
        check_cpus(profile),
        check_memory(profile),
        check_disk(runs),
        check_file_system(runs),
        check_shared_memory(),
        check_open_files(),
        check_loopback(),
        check_threads(),
        check_gpu(),
        check_slurm(),
    ]
    if isinstance(profile, RayProfile):
        checks.append(check_cluster(profile.address))
    elif profile.temp_dir is not None:
        checks.append(check_temp_dir(profile.temp_dir))
    return [*checks, check_libraries()] if deep else checks
