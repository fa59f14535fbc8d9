"""Kills at random moments of a whole campaign, then submits it again: nothing that was finished is lost or done twice.

``make chaos`` kills a hundred times; ``CHAOS_SEED`` chooses other moments.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from campaign.plan.keys import PROJECT
from campaign.record.events import read_events
from campaign.record.liveness import run_status
from results.stores.layout import Status
from results.stores.store import SimulationStore

pytestmark = [
    pytest.mark.ray,
    pytest.mark.heavy(2),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc"),
]
KINDS = ("driver", "actor", "train", "raylet", "writer")
TITLES = {"actor": r"ray::Worker\b", "train": r"ray::\w*Train\w*Worker", "raylet": r"\S*/raylet/raylet "}
MEASURED = {"seconds", "suggestion_seconds"}  # columns that may differ from run to run
LONGEST_S = 600.0
KILLS_A_CAMPAIGN = 12  # then it may end in peace, and is looked through
CALM_S = 3.0  # at most, between two kills
PATIENCE_S = 4.0  # for a process of the kind wanted
FULL_AFTER_STAGES = (1, 3, 6)  # how many are done when the disk fills up
SPACE_LEFT_KIB = 64
ENDED = {0: "done", 1: "stages failed, as is told", -signal.SIGKILL: "killed"}


class Campaign:
    """One campaign, submitted as often as it takes."""

    def __init__(self, spec: Path, folder: Path, workers: int = 2) -> None:
        self.runs = folder / "runs"
        self._spec = spec
        self._profile = folder / "profile.yaml"
        self._output = folder / "output.txt"
        self._profile.write_text(
            yaml.safe_dump({"kind": "local", "workers": workers, "rows_per_unit": 5, "dashboard": False})
        )
        self._process: subprocess.Popen[bytes] | None = None

    def submit(self) -> None:
        command = [sys.executable, "-m", "campaign", "submit", str(self._spec)]
        command += ["--runs", str(self.runs), "--profile", str(self._profile)]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, cwd=PROJECT, start_new_session=True)

    @property
    def driver(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the driver ended, or None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(timeout=LONGEST_S)

    def end(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.poll() is None:
            for process in [self.driver, *descendants(self.driver)]:
                kill(process)
            self._process.wait()

    def said(self) -> str:
        return self._output.read_text(errors="replace")[-4000:]

    @property
    def folder(self) -> Path:
        (folder,) = (path.parent for path in self.runs.glob("*/events.jsonl"))
        return folder


def descendants(ancestor: int) -> list[int]:
    """Processes below one, from the system's table."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found, left = [], [ancestor]
    while left:
        below = children.get(left.pop(), [])
        found += below
        left += below
    return found


def titled(kind: str, processes: list[int]) -> list[int]:
    found = []
    for process in processes:
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if re.match(TITLES[kind], title):
                found.append(process)
    return found


def writes_a_shard(process: int) -> bool:
    """Whether a process has a file of a store open for writing."""
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            if re.search(r"\.zarr/\w+/c/", os.readlink(descriptor)):
                return True
    return False


def find(kind: str, campaign: Campaign) -> int | None:
    """A process to kill; for a writer, one that was caught in the act within a moment."""
    if kind == "driver":
        return campaign.driver
    if kind != "writer":
        found = titled(kind, descendants(campaign.driver))
        return random.choice(found) if found else None
    deadline = time.monotonic() + 5.0
    actors = titled("actor", descendants(campaign.driver))
    while actors and time.monotonic() < deadline:
        for process in actors:
            if writes_a_shard(process):
                return process
        actors = [process for process in actors if Path(f"/proc/{process}").exists()]
    return None


def kill(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
        return True
    return False


def finished_work(runs: Path) -> dict[tuple[str, ...], tuple[int, int]]:
    """Every stage that is done and every unit whose shard of ``status`` is there: which file it is, and since when."""
    found = {}
    for pattern in ("cache/*/*/stage.json", "cache/*/*/*.zarr/status/c/[0-9]*"):
        for path in runs.glob(pattern):
            if not path.name.endswith(".partial"):
                kind, key, *rest = path.relative_to(runs / "cache").parts
                with contextlib.suppress(FileNotFoundError):
                    stat = path.stat()
                    found[(kind, key.partition(".")[0], *rest)] = (stat.st_ino, stat.st_mtime_ns)
    return found


def stages_finished(runs: Path) -> int:
    return sum(1 for _ in runs.glob("cache/*/*/stage.json"))


def tables(folder: Path) -> dict[str, list[dict[str, str]]]:
    found = {}
    for path in sorted((folder / "tables").glob("*.csv")):
        with path.open() as stream:
            rows = [
                {name: cell for name, cell in row.items() if name not in MEASURED} for row in csv.DictReader(stream)
            ]
        found[path.name] = rows
    return found


def stores(folder: Path) -> dict[str, SimulationStore]:
    paths = (path for link in (folder / "stages").rglob("*") if link.is_symlink() for path in link.glob("*.zarr"))
    return {str(path.relative_to(folder)): SimulationStore.open(path) for path in paths}


def check(campaign: Campaign, undisturbed: Path, witnessed: dict[tuple[str, ...], tuple[int, int]]) -> None:
    """All that a user counts on after a campaign has ended well, whatever happened on the way."""
    assert tables(campaign.folder) == tables(undisturbed) != {}
    ours, theirs = stores(campaign.folder), stores(undisturbed)
    assert ours.keys() == theirs.keys() != set()
    for name, store in ours.items():
        assert (name, store.missing_units(), store.damaged_units()) == (name, [], [])
        columns, expected = store.read(), theirs[name].read()
        assert set(columns["status"].tolist()) == {Status.DONE}, name
        for column in columns.keys() - MEASURED:
            np.testing.assert_array_equal(columns[column], expected[column], err_msg=f"{name}: {column}")
    kept = finished_work(campaign.runs)
    lost = {name for name, identity in witnessed.items() if kept.get(name) != identity}
    assert not lost, f"finished before a kill, and done again after it: {lost}"
    unfinished = [path for path in campaign.runs.glob("cache/*/*") if re.search(r"\.partial", path.name)]
    assert unfinished == []
    assert [*campaign.runs.rglob("unfinished"), *campaign.runs.rglob("owner-*.json")] == []
    assert run_status(campaign.folder).state == "done"
    for line in (campaign.folder / "events.jsonl").read_text().splitlines()[:-1]:
        with contextlib.suppress(json.JSONDecodeError):  # cut short by a kill
            assert "event" in json.loads(line)


class Sweep:
    """Kills until it has killed enough of every kind, through as many campaigns as that takes."""

    def __init__(self, spec: Path, folder: Path, undisturbed: Path, kills: int, seed: int) -> None:
        self.pending = Counter(KINDS[number % len(KINDS)] for number in range(kills))
        self.killed: Counter[str] = Counter()
        self._spec = spec
        self._folder = folder
        self._undisturbed = undisturbed
        calm = list(read_events(undisturbed))
        self._calm_s = calm[-1]["time"] - calm[0]["time"]
        self._random = random.Random(seed)

    def run(self) -> None:
        number = 0
        while self.pending.total():
            folder = self._folder / str(number)
            folder.mkdir()
            campaign = Campaign(self._spec, folder, workers=2 - number % 2)  # numbers are those of two on one as well
            try:
                check(campaign, self._undisturbed, self._one(campaign))
            finally:
                campaign.end()
            number += 1
            print(f"{self.killed.total()} kills in {number} campaigns: {dict(self.killed)}", flush=True)

    def _one(self, campaign: Campaign) -> dict[tuple[str, ...], tuple[int, int]]:
        """One campaign, from its first submission to its end; returns the work that was seen finished at the kills."""
        witnessed: dict[tuple[str, ...], tuple[int, int]] = {}
        left = KILLS_A_CAMPAIGN
        campaign.submit()
        while True:
            for victim, kind in self._moments(campaign):
                seen = finished_work(campaign.runs)
                if left and kill(victim):
                    witnessed |= seen
                    left -= 1
                    self.pending -= Counter([kind])
                    self.killed[kind] += 1
                if not left or not self.pending:
                    break
            code = campaign.wait()
            assert code in ENDED, f"exit code {code}: {campaign.said()}"
            assert "Traceback" not in campaign.said()
            if code == 0:
                return witnessed
            campaign.submit()

    def _moments(self, campaign: Campaign) -> Iterator[tuple[int, str]]:
        """Random moments while the driver runs, each with a victim of a kind that is still wanted.

        A driver is killed after up to half of an undisturbed run's time, which by and by comes to every part of a run
        that goes on where it was killed; the others some time after they appeared.
        """
        while self.pending and campaign.exit_code is None:
            kind = self._random.choice(sorted(self.pending.elements()))
            longest = self._calm_s / 2 if kind == "driver" else CALM_S
            deadline = time.monotonic() + self._random.uniform(0, longest)
            while campaign.exit_code is None and time.monotonic() < deadline:
                time.sleep(0.05)
            patience = time.monotonic() + PATIENCE_S  # then another kind has its turn
            while campaign.exit_code is None and time.monotonic() < patience:
                if (victim := find(kind, campaign)) is not None:
                    yield victim, kind
                    break
                time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_disk_that_fills_up_again_and_again_changes_nothing(
    tiny_spec: Path, tiny_run: Path, tmp_path: Path, small_disk: Callable[[Path, str], None]
) -> None:
    """Space runs out at several moments of a campaign; with more space the next submission goes on."""
    campaign = Campaign(tiny_spec, tmp_path)
    campaign.runs.mkdir()
    small_disk(campaign.runs, "1g")
    witnessed: dict[tuple[str, ...], tuple[int, int]] = {}
    campaign.submit()
    try:
        for stages_done in FULL_AFTER_STAGES:
            while stages_finished(campaign.runs) < stages_done and campaign.exit_code is None:
                time.sleep(0.05)
            small_disk(campaign.runs, f"{shutil.disk_usage(campaign.runs).used // 1024 + SPACE_LEFT_KIB}k")
            code = campaign.wait()
            assert code == 1, f"exit code {code}: {campaign.said()}"
            assert "No space left on device" in campaign.said()
            assert "Traceback" not in campaign.said()
            witnessed |= finished_work(campaign.runs)
            small_disk(campaign.runs, "1g")
            campaign.submit()
        assert campaign.wait() == 0, campaign.said()
        check(campaign, tiny_run, witnessed)
    finally:
        campaign.end()


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(4, marks=pytest.mark.timeout(1500)),
        pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(0)]),
    ],
)
def test_kills_at_random_moments_change_nothing(
    kills: int, tiny_spec: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = Sweep(tiny_spec, tmp_path, tiny_run, kills, int(os.environ.get("CHAOS_SEED", "0")))
    with capsys.disabled():
        sweep.run()
    assert sweep.killed.total() == kills
