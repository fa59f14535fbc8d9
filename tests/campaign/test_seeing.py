"""One real run on Ray, looked at from outside while it lives, cancelled, gone on with, and read when it is over."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from campaign.events import read_events, run_status
from campaign.keys import PROJECT
from results.store import SimulationStore

pytestmark = [pytest.mark.ray, pytest.mark.heavy(2), pytest.mark.timeout(900)]
STAGE = "labels/data-ii"
LABELS = 800
NAME = "seen"
WAIT_SECONDS = 300.0


@dataclass
class Run:
    """A campaign that a process of its own drives."""

    folder: Path
    driver: subprocess.Popen[str]


def campaign(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "campaign", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT)


def output(*arguments: str | Path) -> str:
    process = campaign(*arguments)
    out, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0, errors
    return out


def wait_until(seen: Callable[[], Any]) -> Any:
    """The first true thing that is seen."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := seen()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


def profile(folder: Path, **settings: Any) -> Path:
    path = folder / f"profile-{settings['workers']}.yaml"
    path.write_text(yaml.safe_dump({"kind": "local", **settings}))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, small: dict[str, Any]) -> Iterator[Run]:
    """A run whose labels take long enough to be looked at."""
    folder = tmp_path_factory.mktemp("seeing")
    spec = copy.deepcopy(small)
    spec["campaign"] = NAME
    spec["datasets"] = {"data-ii": small["datasets"]["data-ii"]}
    spec["physics"]["numerics"]["orders"] = {"data-ii": 5}
    spec["labels"] = {"count": LABELS, "truncation_sample": 2}
    spec["methods"] = ["pca-mdn"]
    (folder / "seen.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    where = profile(folder, workers=2, rows_per_unit=8)
    driver = campaign("submit", folder / "seen.yaml", "--runs", folder / "runs", "--profile", where)
    runs = folder / "runs"
    wait_until(lambda: driver.poll() is not None or any(_labels_done(found) for found in runs.glob(f"{NAME}-*")))
    assert driver.poll() is None, driver.communicate()
    yield Run(next(runs.glob(f"{NAME}-*")), driver)
    driver.kill()


def _labels_done(folder: Path) -> int:
    stage = run_status(folder).stages.get(STAGE)
    return stage.done if stage is not None else 0


def ask(url: str, token: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def test_the_dashboard_shows_the_campaigns_job_and_actors(run: Run) -> None:
    found = json.loads(output("dashboard", run.folder, "--json"))
    (job,) = json.loads(ask(f"{found['url']}/api/jobs/", found["token"]))
    assert "campaign submit" in job["entrypoint"]
    assert job["status"] == "RUNNING"
    assert job["driver_info"]["pid"] == str(run.driver.pid)
    actors = json.loads(ask(f"{found['url']}/api/v0/actors", found["token"]))["data"]["result"]["result"]
    alive = [actor["class_name"] for actor in actors if actor["state"] == "ALIVE"]
    assert alive.count("Worker") == 2


def test_prometheus_finds_the_simulations_among_rays_metrics(run: Run) -> None:
    found = json.loads(output("dashboard", run.folder, "--json"))

    def scraped() -> dict[str, float]:
        (service,) = json.loads(ask(f"{found['url']}/api/prometheus/sd", found["token"]))
        text = "\n".join(ask(f"http://{target}/metrics", found["token"]) for target in service["targets"])
        pattern = rf'^ray_campaign_(\w+){{.*run="{run.folder.name}",stage="{STAGE}"}} (\S+)$'
        return {name: float(value) for name, value in re.findall(pattern, text, re.MULTILINE)}

    def counted() -> dict[str, float] | None:
        metrics = scraped()
        return metrics if metrics.get("simulations_done") else None  # Ray hands metrics on every few seconds

    metrics = wait_until(counted)
    assert metrics["simulations_total"] == LABELS
    assert metrics["simulations_done"] <= _labels_done(run.folder)
    assert metrics["simulations_failed"] == 0
    assert metrics["simulations_per_second"] > 0


def test_an_orderly_cancel_leaves_whole_shards_and_exit_code_4(run: Run) -> None:
    out = output("cancel", run.folder)
    assert f"{run.folder} is cancelled: `campaign resume {run.folder}` goes on" in out
    _, errors = run.driver.communicate(timeout=WAIT_SECONDS)
    assert run.driver.returncode == 4
    assert "Traceback" not in errors
    status = run_status(run.folder)
    assert (status.state, status.stages[STAGE].state) == ("cancelled", "interrupted")
    store = SimulationStore.open(run.folder / "stages" / STAGE / "labels.zarr")
    assert store.damaged_units() == []
    rows = [store.unit_rows(unit) for unit in store.done_units()]
    assert sum(each.stop - each.start for each in rows) == status.stages[STAGE].done  # what was in flight was finished
    assert not list(store.path.rglob("*.partial"))


def test_resume_goes_on_under_another_profile_by_the_frozen_spec(run: Run) -> None:
    before = _labels_done(run.folder)
    spec = run.folder.parent.parent / "seen.yaml"
    spec.write_text("campaign: edited since\n")
    where = profile(spec.parent, workers=1, dashboard=False)
    resumed = campaign("resume", run.folder, "--profile", where)
    watched = campaign("watch", run.folder, "--json")
    out, errors = resumed.communicate(timeout=WAIT_SECONDS)
    assert resumed.returncode == 0, errors
    assert f"report: {run.folder / 'report.html'}" in out.replace("\n", "")
    first = next(
        e for e in reversed(list(read_events(run.folder))) if e.get("stage") == STAGE and e.get("done") == before
    )
    assert first["total"] == LABELS  # it went on where it had stopped
    told, _ = watched.communicate(timeout=WAIT_SECONDS)
    assert json.loads(told.splitlines()[-1])["event"] == "run-ended"


def test_history_stays_readable_without_a_cluster(run: Run) -> None:
    assert "done; last event" in output("watch", run.folder, "--once")
    best = [event["best_rep"] for event in read_events(run.folder) if "best_rep" in event]
    assert best
    assert best == sorted(best, reverse=True)
    assert "Wrapping provided model" in output("logs", run.folder, "generator")  # Ray Train's words from its ranks
    assert f"[{STAGE}] stage-ended state=done" in output("logs", run.folder, STAGE)
    gone = campaign("dashboard", run.folder)
    _, errors = gone.communicate(timeout=WAIT_SECONDS)
    assert gone.returncode == 2
    assert "has no living cluster: it is done" in errors
