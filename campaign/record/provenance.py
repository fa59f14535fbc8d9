"""Where results came from: code version, packages, machine, seed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from campaign.plan.keys import PROJECT

PACKAGES = (
    "ray",
    "torch",
    "numpy",
    "zarr",
    "ax-platform",
    "botorch",
    "pydantic",
    "scikit-learn",
    "scikit-image",
    "h5py",
)


def provenance(seed: int) -> dict[str, Any]:
    """Facts about the code, the packages and the machine of a run, as plain JSON data."""
    return {
        "seed": seed,
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changed_files": _changed_files(),
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "host": platform.node(),
        "cpus": os.cpu_count(),
        "slurm": {name: value for name, value in sorted(os.environ.items()) if name.startswith("SLURM_JOB")},
    }


def _git(*arguments: str) -> str | None:
    """Output of a git command in the project's folder, or None where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, timeout=10)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _changed_files() -> int | None:
    lines = _git("status", "--porcelain")
    return None if lines is None else len(lines.splitlines())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
