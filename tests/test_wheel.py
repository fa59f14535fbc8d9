"""The wheel, built and installed apart from the source tree: all that it needs is in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.plan.fingerprint import PACKAGES, PROJECT
from campaign.spec.shipped import shipped_names

pytestmark = pytest.mark.long
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
TINY = """
campaign: tiny
datasets: {a: {image_px: 32, latent: [1, 1]}}
generator:
  kind: train
  image_px: 32
  microstructures: {count: 8}
  training: {steps: 2, batch_size: 4, workers: 1, features: {kind: random, filters: 2}}
physics:
  wavelength_nm: 980
  pixel_nm: 31.25
  materials: {air: {n: 1}, glass: {table: BK7}}
  incident: air
  layers: [{kind: pattern, name: etch, thickness_nm: 70, white: air, black: glass}]
  substrate: glass
  numerics: {orders: 1}
labels: {count: 6, truncation_sample: 2}
methods: []
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in (*PACKAGES, "specs"):
        shutil.copytree(PROJECT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source / name)
    build = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", source / "dist", source]
    subprocess.run([*PIP, *build], check=True)
    (wheel,) = (source / "dist").glob("*.whl")
    subprocess.run([*PIP, "install", "--no-index", "--no-deps", "--target", site, wheel], check=True)
    return site


def campaign(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(site), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-m", "campaign", *arguments]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=500)


def test_shipped_campaigns_are_found_from_an_empty_folder(site: Path, tmp_path: Path) -> None:
    code = "import campaign, campaign.spec.shipped as s; print(campaign.__file__); print(*s.shipped_names())"
    variables = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=variables, capture_output=True, text=True)
    place, names = done.stdout.splitlines()
    assert Path(place).is_relative_to(site)
    assert names.split() == shipped_names()
    planned = campaign(site, tmp_path, "plan", "quickstart")
    assert planned.returncode == 0, planned.stderr
    assert "labels/data-ii" in planned.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_runs_from_the_wheel_alone(site: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "here.yaml").write_text("kind: in-process\n")
    done = campaign(site, tmp_path, "submit", "tiny.yaml", "--profile", "here.yaml")
    assert done.returncode == 0, done.stderr
    assert "The labels of a reach from " in done.stdout
    assert len(list(tmp_path.glob("runs/tiny-*/report.html"))) == 1


def test_a_starter_is_written_and_planned(site: Path, tmp_path: Path) -> None:
    assert campaign(site, tmp_path, "init", "--from", "images").returncode == 0
    planned = campaign(site, tmp_path, "plan", "campaign.yaml")
    assert planned.returncode == 0, planned.stderr
