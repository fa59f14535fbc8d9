"""A run whose Ray is killed under it goes on with a new one by itself, and says so when that happens too often."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from campaign.driving import MOST_RESTARTS, RESTARTS_VARIABLE
from campaign.events import read_events, run_status
from campaign.keys import PROJECT

pytestmark = [pytest.mark.ray, pytest.mark.alone, pytest.mark.timeout(900)]
WAIT_S = 300.0
SOON_S = 45.0  # Ray itself would take a minute to notice


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

    def kill_ray_in(self, stage: str, times_begun: int) -> float:
        """Kill the raylet once a stage is at work in the so-manieth beginning of the run; returns when that was."""
        deadline = time.monotonic() + WAIT_S
        while not ((found := list(self.runs.glob("*/events.jsonl"))) and self._is_in(stage, times_begun, found[0])):
            assert time.monotonic() < deadline
            assert self._process.poll() is None, self._process.communicate()
            time.sleep(0.05)
        (raylet,) = [pid for pid in raylets() if self._process.pid in ancestors(pid)]
        os.kill(raylet, signal.SIGKILL)
        return time.monotonic()

    @staticmethod
    def _is_in(stage: str, times_begun: int, log: Path) -> bool:
        events = [(event["event"], event.get("stage")) for event in read_events(log.parent)]
        begun = [place for place, (name, _) in enumerate(events) if name == "run-started"]
        return len(begun) == times_begun and ("progress", stage) in events[begun[-1] :]

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


def designs(runs: Path) -> list[dict[str, Any]]:
    (table,) = runs.glob("*/tables/table1.csv")
    with table.open() as stream:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(stream)]


def test_a_run_outlives_its_ray_and_gives_up_when_that_dies_again_and_again(
    tiny_spec: Path, tiny_runs: Path, tmp_path: Path
) -> None:
    driver = Driver(tiny_spec, tmp_path, restarts=MOST_RESTARTS - 1)
    driver.kill_ray_in("generator", times_begun=1)
    killed = driver.kill_ray_in("generator", times_begun=2)  # begun by itself
    code, said = driver.end()
    assert time.monotonic() - killed < SOON_S
    assert code == 1
    reason = "Ray on this machine ended by itself; somebody killed it, or the machine ran out of memory"
    assert f"{reason}; going on with a new one" in said
    assert f"failed:\n{reason}, {MOST_RESTARTS + 1} times; finished work is kept: `campaign submit {tiny_spec}`" in said
    assert "Traceback" not in said
    (folder,) = (path.parent for path in driver.runs.glob("*/events.jsonl"))
    assert run_status(folder).state == "failed"
    assert not list(driver.runs.rglob("owner-*.json"))

    code, said = Driver(tiny_spec, tmp_path, restarts=0).end()
    assert code == 0, said
    assert designs(driver.runs) == designs(tiny_runs)
