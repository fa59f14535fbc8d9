"""A tiny campaign under Slurm: sent, watched, disturbed, and compared with a run on a laptop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from designs_table import designs
from slurm_lab import SlurmLab
from waiting import wait_until

from campaign.plan.keys import PROJECT
from campaign.record.events import read_events
from campaign.record.liveness import run_status
from campaign.record.status import RunStatus

SPEC = Path(__file__).parents[2] / "tiny.yaml"
PATIENCE = 900.0
LOOK_SECONDS = 5.0
REQUEUE_SECONDS = 10.0  # or what slurmstepd says last of a job's first life would end its second
LIVELY = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED"}
SLURM: dict[str, Any] = {
    "kind": "slurm",
    "account": "optics",
    "nodes": 2,
    "cpus_per_node": 2,
    "memory_gb_per_node": 4,
    "time_limit": 30,
    "rows_per_unit": 6,
    "dashboard": False,
}


@dataclass
class SlurmRun:
    """A run folder that all nodes see, and the commands of a user on the login node."""

    lab: SlurmLab
    runs: Path

    def campaign(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``campaign`` on the login node."""
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "RAY_USAGE_STATS_ENABLED": "0"}
        command = (sys.executable, "-m", "campaign", *arguments)
        return self.lab.run(*command, check=check, env=environment, cwd=self.runs.parent)

    def submit(self, spec: Path = SPEC, **changes: Any) -> str:
        """Submit under the profile of these tests with some changes; the job."""
        profile = self.runs.parent / "slurm.yaml"
        profile.write_text(yaml.safe_dump({**SLURM, **changes}))
        said = self.campaign("submit", str(spec), "--profile", str(profile), "--runs", str(self.runs), "--json")
        return str(json.loads(said.stdout)["job"])

    @property
    def folder(self) -> Path:
        """The only run."""
        (folder,) = (path.parent for path in self.runs.glob("*/events.jsonl"))
        return folder

    @property
    def status(self) -> RunStatus:
        """Where it stands, by its folder."""
        return run_status(self.folder)

    def shown(self) -> tuple[str, str]:
        """State and message that `campaign status` shows."""
        (status,) = json.loads(self.campaign("status", str(self.folder), "--json").stdout).values()
        return status["state"], status["message"]

    def wait_to_show(self, state: str, words: str) -> None:
        """Wait until `campaign status` shows a state, with these words in its message."""

        def is_shown() -> bool:
            shown = self.shown()
            return shown[0] == state and words in shown[1]

        self._wait(is_shown, f"{state}: {words}")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Events of one kind, oldest first."""
        return [event for event in read_events(self.folder) if event["event"] == name]

    def wait_for(self, stage: str, done: int = 1) -> None:
        """Wait until a stage has done so much, or all of its work."""

        def has() -> bool:
            found = self.status.stages.get(stage)
            return found is not None and (found.done >= done or found.state in {"done", "cached"})

        self._wait(has, f"{stage} at {done}")

    def wait_for_end(self) -> None:
        """Wait until the run is done; the two minutes that Slurm lets pass after a requeue are made shorter."""
        pending_since: dict[str, float] = {}

        def ended() -> bool:
            for job, state in self.lab.job_states().items():
                if state != "PENDING":
                    pending_since.pop(job, None)
                elif time.monotonic() - pending_since.setdefault(job, time.monotonic()) > REQUEUE_SECONDS:
                    self.lab.run("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)
            assert self.status.state not in {"failed", "cancelled"}
            return self.status.state == "done"

        self._wait(ended, "the run's end")

    def _wait(self, ready: Callable[[], Any], what: str) -> None:
        looked, idle = time.monotonic(), 0

        def ready_or_on_the_way() -> bool:
            nonlocal looked, idle
            if ready():
                return True
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                idle = 0 if LIVELY.intersection(self.lab.job_states().values()) else idle + 1
                assert idle < 3, "no job is left"
            return False

        try:
            wait_until(ready_or_on_the_way, what, PATIENCE)
        except AssertionError as error:
            files = [*self.folder.glob("slurm/*/*.out"), self.lab.folder / "log" / "slurmctld.log"]
            logs = "\n".join(path.read_text(errors="replace")[-3000:] for path in files)
            jobs = self.lab.run("scontrol", "show", "jobs").stdout
            raise AssertionError(f"{error}; {self.status}\n{logs}\n{jobs}") from None

    def worker_jobs_joined(self) -> int:
        """Worker jobs whose keeper said that its node is up."""
        logs = [path.read_text(errors="replace") for path in self.folder.glob("slurm/*_*/*_log.out")]
        return sum('"keeper"' in text for text in logs)

    def table(self) -> list[dict[str, str]]:
        """The table without what was measured."""
        return designs(self.folder)


@pytest.fixture
def slurm_run(slurm_lab: SlurmLab, shared_path: Path) -> SlurmRun:
    """A user with a new runs folder; jobs that are left are cancelled."""
    return SlurmRun(slurm_lab, shared_path / "runs")


@pytest.fixture(autouse=True)
def _no_jobs_left(request: pytest.FixtureRequest) -> Any:
    yield
    if "slurm_lab" in request.fixturenames:
        request.getfixturevalue("slurm_lab").clear()


@pytest.fixture(scope="session")
def laptop(tiny_run: Path) -> list[dict[str, str]]:
    """The table of the same campaign on this machine alone."""
    return designs(tiny_run)


@pytest.fixture(scope="session")
def longer(
    tiny_spec: Path,
    on_laptop: Callable[[Path, Path], Path],
    slurm_lab: SlurmLab,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[dict[str, str]]]:
    """A campaign that takes longer than the jobs that it gets, and its table on this machine alone."""
    spec = yaml.safe_load(tiny_spec.read_text())
    spec["generator"]["training"] |= {"steps": 1500, "checkpoint_every": 500}
    file = slurm_lab.shared / "longer.yaml"
    file.write_text(yaml.safe_dump(spec))
    return file, designs(on_laptop(file, tmp_path_factory.mktemp("longer") / "runs"))
