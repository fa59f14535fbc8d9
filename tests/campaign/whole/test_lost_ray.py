"""A run whose Ray is killed under it goes on with a new one by itself, and says so when that happens too often.

In CI the small chaos run kills raylets too.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from designs_table import designs

from campaign.cli.options import CANCELLED
from campaign.cli.restart import MOST_RESTARTS, RESTARTS_VARIABLE
from campaign.plan.keys import PROJECT
from campaign.record.events import read_events
from campaign.record.liveness import run_status

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.heavy, pytest.mark.timeout(900)]
WAIT_S = 300.0
SOON_S = 45.0  # Ray itself would take a minute to notice
REASON = "Ray on this machine ended by itself; somebody killed it, or the machine ran out of memory"


class Driver:
    """`campaign submit` in a process of its own."""

    def __init__(self, spec: Path, folder: Path, restarts: int) -> None:
        profile = folder / "profile.yaml"
        profile.write_text(yaml.safe_dump({"kind": "local", "workers": 2, "rows_per_unit": 5, "dashboard": False}))
        self.runs = folder / "runs"
        command = [sys.executable, "-m", "campaign", "submit", str(spec), "--runs", str(self.runs)]
        self._process = subprocess.Popen(
            [*command, "--profile", str(profile)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**os.environ, RESTARTS_VARIABLE: str(restarts)},
        )

    @property
    def folder(self) -> Path:
        (log,) = self.runs.glob("*/events.jsonl")
        return log.parent

    def kill_ray_in(self, stage: str) -> float:
        """Kill the raylet once a stage is at work; returns when that was."""
        deadline = time.monotonic() + WAIT_S
        while not self._is_in(stage):
            assert time.monotonic() < deadline
            assert self._process.poll() is None, self._process.communicate()
            time.sleep(0.05)
        (raylet,) = [pid for pid in raylets() if self._process.pid in ancestors(pid)]
        os.kill(raylet, signal.SIGKILL)
        return time.monotonic()

    def _is_in(self, stage: str) -> bool:
        events = [event for log in self.runs.glob("*/events.jsonl") for event in read_events(log.parent)]
        return any((event["event"], event.get("stage")) == ("progress", stage) for event in events)

    def cancel(self) -> str:
        """Ask it to stop once it begins again; what `campaign cancel` says."""
        deadline = time.monotonic() + WAIT_S
        while not any(event["event"] == "run-queued" for event in read_events(self.folder)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        command = [sys.executable, "-m", "campaign", "cancel", str(self.folder), "--no-wait"]
        return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=True).stdout

    def end(self) -> tuple[int, str]:
        """Exit code, and what was said on standard error."""
        _, errors = self._process.communicate(timeout=WAIT_S)
        return self._process.returncode, errors


def raylets() -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if re.match(rb"\S*/raylet/raylet\0", path.read_bytes()):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def ancestors(process: int) -> list[int]:
    found = []
    while process > 1:
        try:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            break
        found.append(process)
    return found


def test_a_run_outlives_its_ray(tiny_spec: Path, tiny_run: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(tiny_spec.read_text())
    driver = Driver(spec, tmp_path, restarts=0)
    driver.kill_ray_in("generator")
    spec.write_text("edited: by now")
    code, said = driver.end()
    assert code == 0, said
    assert f"{REASON}; going on with a new one" in said
    assert designs(driver.folder) == designs(tiny_run)
    states = [event["state"] for event in read_events(driver.folder) if event["event"] == "run-ended"]
    assert states == ["done"]


def test_a_run_that_begins_again_is_cancelled(tiny_spec: Path, tmp_path: Path) -> None:
    driver = Driver(tiny_spec, tmp_path, restarts=0)
    driver.kill_ray_in("generator")
    assert driver.cancel().startswith("asked the driver")
    code, said = driver.end()
    assert code == CANCELLED, said
    assert run_status(driver.folder).state == "cancelled"


def test_it_gives_up_when_ray_dies_again_and_again(tiny_spec: Path, tmp_path: Path) -> None:
    driver = Driver(tiny_spec, tmp_path, restarts=MOST_RESTARTS)
    killed = driver.kill_ray_in("generator")
    code, said = driver.end()
    assert time.monotonic() - killed < SOON_S
    assert code == 1
    assert f"failed:\n{REASON}, {MOST_RESTARTS + 1} times; finished work is kept: `campaign submit {tiny_spec}`" in said
    assert "Traceback" not in said
    assert run_status(driver.folder).state == "failed"
    assert not list(driver.runs.rglob("owner-*.json"))
