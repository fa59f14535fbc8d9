"""The recipe of the container, without Apptainer: its files are there, and its commands do what they should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
RECIPE = PROJECT / "cluster" / "slurm" / "campaign.def"
HERE = {"apt-get": 'echo "apt-get $*"', "rm": 'echo "rm $*"', "python3": f'exec "{sys.executable}" "$@"'}


def section(name: str) -> str:
    found = re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", RECIPE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def copied(image: Path) -> list[str]:
    """Copy what the recipe takes into the image, a folder here; where it lies there."""
    places = []
    for line in section("files").splitlines():
        if line.strip():
            source, place = line.split()
            (image / place.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (image / place.lstrip("/")).write_bytes((PROJECT / source).read_bytes())
            places.append(place)
    return places


@pytest.mark.long
def test_what_it_installs_is_what_the_project_needs(tmp_path: Path) -> None:
    """Its commands, with apt-get and rm told instead of done, and pip saying what it would install from nowhere."""
    image, programs = tmp_path / "image", tmp_path / "bin"
    assert copied(image) == ["/opt/campaign/pyproject.toml", "/opt/campaign/constraints.txt"]
    programs.mkdir()
    pip = f'exec "{sys.executable}" -m pip "$@" --dry-run --no-index --disable-pip-version-check'
    for name, text in {**HERE, "pip": pip}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    commands = section("post").replace("/opt/", f"{image}/opt/")
    variables = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euc", commands], env=variables, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "slurm-client" in done.stdout
    assert "Would install" not in done.stdout  # all of it, in these versions, is what tests run with
    needed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert (image / "opt/campaign/requirements.txt").read_text().splitlines() == needed
