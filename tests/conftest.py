"""Fixtures that several packages' tests share."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from fake_slurm import FakeSlurm
from hypothesis import settings
from slurm_lab import LabUnavailable, SlurmLab

from campaign.plan.keys import PROJECT
from campaign.plan.pipeline import Pipeline
from campaign.spec.load import load_spec
from campaign.stages import KINDS

# Tests press Ctrl-C; a shell that runs them in its background has made it ignored, here and in programs begun here.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine takes longer over an example, and is not wrong for it.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")

PUBLISHED_FILES = ("weights.pickle", "MDN_weights.h5", "dataset_z4_part.hdf5")
LENGTHY = ("ray", "slurm", "long")  # marks of tests that take seconds
LENGTHY_TURN, SHORT_TURN, HEAVY_TURN = 1, 2, 3
LAST = 9  # place among the heavy ones of those that do not say


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where two files run at a time: lengthy ones first, then short ones, at last those with whole campaigns.

    Whole campaigns take the machine, and would break time limits of lengthy tests beside them. The mark
    ``heavy(place)`` says in which order they come. A worker of pytest-xdist is handed its next file when two tests are
    left of its present one, so that after a file of one test comes a longer one, or they would all be one worker's.
    """
    turns: dict[Path, list[int]] = {}
    for item in items:
        turns.setdefault(item.path, []).append(_turn(item))
    items.sort(key=lambda item: _turn_of_file(turns[item.path]))


def _turn(item: pytest.Item) -> int:
    if heavy := item.get_closest_marker("heavy"):
        return HEAVY_TURN + (heavy.args[0] if heavy.args else LAST)
    return LENGTHY_TURN if any(item.get_closest_marker(name) for name in LENGTHY) else SHORT_TURN


def _turn_of_file(turns: list[int]) -> int:
    heavy = [turn for turn in turns if turn >= HEAVY_TURN]
    return min(heavy or turns)


@pytest.fixture(scope="session")
def authors_dir() -> Path:
    """Folder of the authors' published files, or a skip that says where they were looked for."""
    default = Path(__file__).parents[2] / "shared" / "authors"
    folder = Path(os.environ.get("GANMDN_AUTHORS", default))
    missing = [name for name in PUBLISHED_FILES if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"the authors' files are not in {folder} (missing {', '.join(missing)}); set GANMDN_AUTHORS")
    return folder


@pytest.fixture(scope="session")
def tiny_spec() -> Path:
    """File of a campaign with every kind of stage, as little as possible of each."""
    return Path(__file__).with_name("tiny.yaml")


@pytest.fixture(scope="session")
def on_laptop() -> Callable[[Path, Path], Path]:
    """Runs a campaign on two workers of this machine, ``on_laptop(spec, runs)``; the run's folder."""

    def run(spec: Path, runs: Path) -> Path:
        profile = runs.parent / "laptop.yaml"
        profile.write_text(yaml.safe_dump({"kind": "local", "workers": 2, "rows_per_unit": 5, "dashboard": False}))
        command = [sys.executable, "-m", "campaign", "submit", spec, "--profile", profile, "--runs", runs]
        done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
        assert done.returncode == 0, done.stderr
        return next(runs.glob("*/report.html")).parent

    return run


@pytest.fixture(scope="session")
def tiny_run(tiny_spec: Path, on_laptop: Callable[[Path, Path], Path], pytestconfig: pytest.Config) -> Path:
    """Folder of a run of the tiny campaign that nobody disturbed.

    Pytest's cache keeps it for as long as the campaign's key is the same: for the workers beside this one, and for
    later sessions.
    """
    folder = pytestconfig.cache.mkdir("undisturbed") / Pipeline.of(load_spec(tiny_spec).spec, KINDS).key
    runs, name = folder / "runs", folder / "name"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not name.exists():
            shutil.rmtree(runs, ignore_errors=True)
            name.write_text(on_laptop(tiny_spec, runs).name)
    return runs / name.read_text()


@pytest.fixture
def fake_slurm(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """Stand-ins of Slurm's commands, which come first on the ``PATH``."""
    fake = FakeSlurm(tmp_path_factory.mktemp("slurm"))
    monkeypatch.setenv("PATH", f"{fake.folder}:/usr/bin:/bin")
    return fake


@pytest.fixture(scope="session")
def slurm_lab() -> Iterator[SlurmLab]:
    """A real Slurm of three virtual nodes, or a skip that says why there is none."""
    lab = SlurmLab(f"test-{os.getpid()}")
    try:
        try:
            yield lab.start(with_parent=True)
        except LabUnavailable as reason:
            pytest.skip(str(reason))
    finally:
        if lab.folder.exists():
            lab.stop()


@pytest.fixture
def shared_path(slurm_lab: SlurmLab, request: pytest.FixtureRequest) -> Path:
    """An empty folder that all nodes of the lab see, which those below ``tmp_path`` are not."""
    folder = slurm_lab.shared / request.node.name
    folder.mkdir(parents=True)
    return folder
