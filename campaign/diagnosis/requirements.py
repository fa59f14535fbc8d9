"""What the project says of its own packages: needed versions from its metadata, tried ones from the constraints."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

DISTRIBUTION = "ganmdn-campaign"
CONSTRAINTS = Path(__file__).resolve().parent.parent / "constraints.txt"


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

    Only a source tree has the constraints file; without it nothing can be said, and the list is empty.
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
