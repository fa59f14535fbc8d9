"""Python and packages: needed, there, tried, and working."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from campaign.doctor.check import Check

DISTRIBUTION = "ganmdn-campaign"
CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"  # of a source tree
PROBE_SECONDS = 120.0  # a cold file system may take a minute to load torch and Ray
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

# Batched complex LU of torch's CPU build has been seen to pivot wrongly with two threads; with one it must be right.
LIBRARY_PROBE = """
import torch
torch.set_num_threads(1)
a = torch.randn(4, 96, 96, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
b = torch.ones(4, 96, 1, dtype=torch.complex128)
error = (a @ torch.linalg.solve(a, b) - b).abs().max().item()
if not error < 1e-8:
    raise SystemExit(f"torch.linalg.solve is off by {error:.1e}")
import ray
print(f"torch {torch.__version__}, Ray {ray.__version__}, {torch.cuda.device_count()} GPUs seen by torch")
"""


def check_python() -> Check:
    """The interpreter is one that the project supports."""
    version, needed = ".".join(map(str, sys.version_info[:3])), requires_python()
    if needed and not needed.contains(version):
        return Check("python", "failure", f"Python {version}, {needed} is needed", f"use a Python {needed}")
    return Check("python", "ok", f"Python {version}")


def check_packages() -> Iterator[Check]:
    """Every package that the project requires is there, in a version that was tried."""
    broken, newer = broken_requirements(), newer_than_tested()
    for needed, installed in broken:
        came = f"{needed.name} {installed}" if installed else f"{needed.name} is not installed"
        fix = f"pip install -c constraints.txt '{needed.name}{needed.specifier}'"
        yield Check("packages", "failure", f"{came}, {needed.specifier} is needed", fix)
    for name, installed, tested in newer:
        message = f"{name} {installed} is newer than {tested}, the newest that was tried"
        yield Check("packages", "warning", message, f"if something breaks: pip install '{name}=={tested}'")
    if not broken and not newer:
        yield Check("packages", "ok", "all required packages are there, in versions that were tried")


def check_threads() -> Check:
    """No thread settings that differ from the workers'."""
    set_higher = [name for name in THREAD_VARIABLES if os.environ.get(name, "1") != "1"]
    if not set_higher:
        return Check("threads", "ok", "workers use one thread each; more workers, not threads, use more CPUs")
    settings = ", ".join(f"{name}={os.environ[name]}" for name in set_higher)
    message = (
        f"{settings}: workers set it to 1 for themselves, but a script of your own would not, and torch's batched "
        "complex solve has been seen to be wrong with more threads"
    )
    return Check("threads", "warning", message, f"unset {' '.join(set_higher)}")


def check_libraries() -> Check:
    """torch and Ray load, and torch solves a batch of complex systems rightly; in a process of its own."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
    try:
        done = subprocess.run(
            [sys.executable, "-c", LIBRARY_PROBE],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        message = f"torch and Ray did not load within {PROBE_SECONDS:g} s"
        return Check("libraries", "failure", message, "look for a slow or hanging file system below the environment")
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        return Check("libraries", "failure", last, "set the environment up again from constraints.txt")
    return Check("libraries", "ok", done.stdout.strip())


def requirements() -> list[Requirement]:
    """Packages that the installed project needs, extras left out; empty when it runs without being installed."""
    try:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    parsed = [Requirement(line) for line in lines]
    return [needed for needed in parsed if needed.marker is None or needed.marker.evaluate({"extra": ""})]


def requires_python() -> SpecifierSet | None:
    """Versions of Python that the project supports, None when it runs without being installed."""
    try:
        return SpecifierSet(importlib.metadata.metadata(DISTRIBUTION)["Requires-Python"])
    except importlib.metadata.PackageNotFoundError:
        return None


def installed_version(name: str) -> str | None:
    """Version of an installed package, None if there is none; does not import it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def broken_requirements() -> list[tuple[Requirement, str | None]]:
    """Requirements that are not met, each with the version that is there."""
    found = [(needed, installed_version(needed.name)) for needed in requirements()]
    return [(needed, version) for needed, version in found if version is None or version not in needed.specifier]


def newer_than_tested() -> list[tuple[str, str, str]]:
    """Required packages past the newest tried feature release: name, installed and tried version.

    Only a source tree has the constraints file; without it the list is empty.
    """
    if not CONSTRAINTS.is_file():
        return []
    pins = dict(line.split("==") for line in CONSTRAINTS.read_text(encoding="utf-8").split() if "==" in line)
    newer = []
    for needed in requirements():
        version, tested = installed_version(needed.name), pins.get(needed.name)
        if version and tested and Version(version).release[:2] > Version(tested).release[:2]:
            newer.append((needed.name, version, tested))
    return newer
