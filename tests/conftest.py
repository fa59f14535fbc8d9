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
LENGTHY_TURN, SHORT_TURN = 100, 101  # after all places of heavy ones
LAST = 9  # place among the heavy ones of those that do not say


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of a finished campaign as long: it is computed for them. Then order the files.

    Where several run at a time, those with whole campaigns come first, then lengthy ones, at last short ones, so that
    the workers end together. The mark ``heavy(place)`` says in which order campaigns come.
    """
    for item in items:
        if "finished" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.long)
    turns: dict[Path, int] = {}
    for item in items:
        turns[item.path] = min(turns.get(item.path, SHORT_TURN), _turn(item))
    items.sort(key=lambda item: turns[item.path])


def _turn(item: pytest.Item) -> int:
    if heavy := item.get_closest_marker("heavy"):
        return heavy.args[0] if heavy.args else LAST
    return LENGTHY_TURN if any(item.get_closest_marker(name) for name in LENGTHY) else SHORT_TURN


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
def filled_once() -> Callable[[Path, Callable[[Path], object]], Path]:
    """Fills a folder, unless that was done: ``filled_once(folder, fill)``; the folder.

    Of several workers of pytest-xdist one fills it, and the others wait.
    """

    def make(folder: Path, fill: Callable[[Path], object]) -> Path:
        folder.parent.mkdir(parents=True, exist_ok=True)
        whole = folder.with_name(f"{folder.name}.whole")
        with folder.with_name(f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                whole.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of this session, the same for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def tiny_run(
    tiny_spec: Path,
    on_laptop: Callable[[Path, Path], Path],
    filled_once: Callable[[Path, Callable[[Path], object]], Path],
    pytestconfig: pytest.Config,
) -> Path:
    """Folder of a run of the tiny campaign that nobody disturbed.

    Pytest's cache keeps it for as long as the campaign's key is the same: for the workers beside this one, and for
    later sessions.
    """
    kept = pytestconfig.cache.mkdir("undisturbed") / Pipeline.of(load_spec(tiny_spec).spec, KINDS).key
    filled_once(kept, lambda folder: on_laptop(tiny_spec, folder / "runs"))
    return next(kept.glob("runs/*/report.html")).parent


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
