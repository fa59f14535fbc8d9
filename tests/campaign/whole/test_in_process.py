"""A whole campaign in one process: no Ray, the same numbers, stopped and gone on with."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from designs_table import designs

from campaign.plan.keys import PROJECT
from campaign.record.events import read_events
from campaign.record.liveness import run_status

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
CHECKPOINT_EVERY = 5
# The command where there is no Ray.
PROGRAM = """
import sys
sys.modules["ray"] = None
from campaign.cli.main import main
main()
"""


@pytest.fixture
def spec(tiny_spec: Path, tmp_path: Path) -> Path:
    """The tiny campaign with one training worker, and without the search that takes most of its time."""
    data = yaml.safe_load(tiny_spec.read_text())
    data["generator"]["training"] |= {"workers": 1, "steps": 30, "checkpoint_every": CHECKPOINT_EVERY}
    data |= {"tune": {"trials": 3, "max_epochs": 3, "grace_epochs": 1, "batch_size": [16, 32]}}
    data |= {"methods": ["gan-mdn"], "labels": {"count": 40, "truncation_sample": 4}}
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def submit(spec: Path, runs: Path, **profile: Any) -> subprocess.Popen[str]:
    place = runs.parent / f"{runs.name}.yaml"
    place.write_text(yaml.safe_dump(profile))
    program = ["-c", PROGRAM] if profile["kind"] == "in-process" else ["-m", "campaign"]
    command = [sys.executable, *program, "submit", spec, "--runs", runs, "--profile", place]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT)


def finished(process: subprocess.Popen[str], runs: Path) -> Path:
    """The folder of the run."""
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return next(runs.glob("*/report.html")).parent


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


@pytest.mark.slow  # with every change test_ctrl_c.py stops one at each of its moments
def test_it_is_stopped_by_ctrl_c_in_its_training_and_ends_as_if_it_had_not_been(spec: Path, tmp_path: Path) -> None:
    undisturbed = submit(spec, tmp_path / "undisturbed", kind="in-process")
    expected = finished(undisturbed, tmp_path / "undisturbed")
    runs = tmp_path / "runs"
    stopped = submit(spec, runs, kind="in-process")
    wait_until(lambda: list(runs.glob("cache/generator/*/training/step-*")), stopped)
    stopped.send_signal(signal.SIGINT)
    _, errors = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, errors
    (folder,) = [path for path in runs.iterdir() if path.name != "cache"]
    assert run_status(folder).state == "interrupted"
    assert finished(submit(spec, runs, kind="in-process"), runs) == folder
    assert designs(folder) == designs(expected)
    steps = [event["done"] for event in read_events(folder) if event["event"] == "progress" and event["total"] == 30]
    assert steps.count(10) == 1  # the second start went on from a checkpoint


@pytest.mark.slow  # test_conformance.py compares the two pools with every change
@pytest.mark.ray
def test_ray_makes_the_same_designs(spec: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    in_process = finished(submit(spec, here, kind="in-process"), here)
    on_ray = finished(submit(spec, there, kind="local", workers=2, dashboard=False), there)
    assert designs(in_process) == designs(on_ray)
