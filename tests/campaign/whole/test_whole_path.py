"""One small run on real Ray, whole: Ctrl-C stops it, it goes on and is looked at from outside while it lives, it is
cancelled, goes on to its end under another profile, and is read when its cluster is gone.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from designs_table import designs
from waiting import wait_until

from campaign.plan.fingerprint import PACKAGES
from campaign.plan.keys import PROJECT
from campaign.record.events import read_events
from campaign.record.liveness import run_status
from campaign.record.status import RunStatus
from cluster.node.command import NodeSize, start_command
from cluster.node.keeper import public_address
from cluster.node.ports import lock_block
from cluster.node.rendezvous import answers
from cluster.node.temp_folder import make_temp_dir
from cluster.node.token import TOKEN_FILE, make_token, token_environment
from results.stores.store import SimulationStore

pytestmark = [pytest.mark.ray, pytest.mark.heavy(1), pytest.mark.timeout(900)]
STAGE = "labels/data-ii"
LABELS = 400
WAIT_SECONDS = 300.0


def campaign(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "campaign", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT, start_new_session=True
    )


def output(*arguments: str | Path) -> str:
    return finish(campaign(*arguments))


def submit(spec: Path, runs: Path, place: dict[str, Any]) -> subprocess.Popen[str]:
    return campaign("submit", spec, "--runs", runs, "--profile", profile(runs.parent, place))


def profile(folder: Path, place: dict[str, Any]) -> Path:
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump({"kind": "local", "rows_per_unit": 8, **place}))
    return path


def finish(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return out


def wait_for_progress(runs: Path, stage: str, process: subprocess.Popen[str]) -> None:
    """Wait until the stage has done some of its work; on a quick machine it may be all."""

    def has_progress() -> bool:
        assert process.poll() is None, process.communicate()
        found = [run_status(events.parent).stages.get(stage) for events in runs.glob("*/events.jsonl")]
        return any(status is not None and (status.done > 0 or status.state == "done") for status in found)

    wait_until(has_progress)


def run_folder(runs: Path) -> Path:
    (folder,) = (path.parent for path in runs.glob("*/events.jsonl"))
    return folder


# --- stopped ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory: pytest.TempPathFactory, small: dict[str, Any]) -> Path:
    small = copy.deepcopy(small)
    small["tune"] = {"trials": 2, "max_epochs": 4, "grace_epochs": 2, "batch_size": [32], "components": [3, 5]}
    small["mdn"]["components"] = 4
    small["generator"]["training"] |= {"steps": 40, "checkpoint_every": 10}  # long enough to be stopped in
    small["labels"] = {"count": LABELS, "truncation_sample": 2}  # long enough to be looked at
    small["physics"]["numerics"] = {"orders": {"data-i": 2, "data-ii": 8}}
    path = tmp_path_factory.mktemp("spec") / "small.yaml"
    path.write_text(yaml.safe_dump(small, sort_keys=False))
    return path


@dataclass
class Run:
    """A run on two workers, and the process that drives it or drove it."""

    folder: Path
    driver: subprocess.Popen[str]
    errors: str = ""  # once it has ended

    @property
    def status(self) -> RunStatus:
        return run_status(self.folder)

    @property
    def labels_done(self) -> int:
        return self.status.stages[STAGE].done


@pytest.fixture(scope="module")
def stopped(spec_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was stopped while it trained: by SIGTERM, which Ray would answer in a way of its own."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    process = submit(spec_file, runs, {"workers": 2, "dashboard": False})
    wait_for_progress(runs, "generator", process)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    return Run(run_folder(runs), process, errors)


def test_sigterm_leaves_a_run_that_submit_continues(stopped: Run) -> None:
    assert stopped.driver.returncode == 130
    assert "campaign submit" in stopped.errors
    assert not re.search("Traceback|SIGTERM received", stopped.errors)
    assert stopped.status.state == "interrupted"
    assert stopped.status.stages["microstructures"].state == "done"


# --- looked at --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def living(stopped: Run, spec_file: Path) -> Iterator[Run]:
    """That run again, simulating."""
    runs = stopped.folder.parent
    process = submit(spec_file, runs, {"workers": 2})
    try:
        wait_for_progress(runs, STAGE, process)
        yield Run(run_folder(runs), process)
    finally:
        process.kill()


def ask(url: str, token: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def test_the_dashboard_shows_the_campaigns_job_and_actors(living: Run) -> None:
    found = json.loads(output("dashboard", living.folder, "--json"))
    (job,) = json.loads(ask(f"{found['url']}/api/jobs/", found["token"]))
    assert "campaign submit" in job["entrypoint"]
    assert job["status"] == "RUNNING"
    assert job["driver_info"]["pid"] == str(living.driver.pid)
    actors = json.loads(ask(f"{found['url']}/api/v0/actors", found["token"]))["data"]["result"]["result"]
    alive = [actor["class_name"] for actor in actors if actor["state"] == "ALIVE"]
    assert alive.count("Worker") == 2


def test_prometheus_finds_the_simulations_among_rays_metrics(living: Run) -> None:
    found = json.loads(output("dashboard", living.folder, "--json"))

    def scraped() -> dict[str, float]:
        (service,) = json.loads(ask(f"{found['url']}/api/prometheus/sd", found["token"]))
        text = "\n".join(ask(f"http://{target}/metrics", found["token"]) for target in service["targets"])
        pattern = rf'^ray_campaign_(\w+){{.*run="{living.folder.name}",stage="{STAGE}"}} (\S+)$'
        return {name: float(value) for name, value in re.findall(pattern, text, re.MULTILINE)}

    def counted() -> dict[str, float] | None:
        metrics = scraped()
        return metrics if metrics.get("simulations_done") else None  # Ray hands metrics on every few seconds

    metrics = wait_until(counted)
    assert metrics["simulations_total"] == LABELS
    assert metrics["simulations_done"] <= living.labels_done
    assert metrics["simulations_failed"] == 0
    assert metrics["simulations_per_second"] > 0


# --- cancelled --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cancelled(living: Run) -> Run:
    """That run after `campaign cancel`."""
    out = output("cancel", living.folder)
    assert f"{living.folder} is cancelled: `campaign resume {living.folder}` goes on" in out
    _, errors = living.driver.communicate(timeout=WAIT_SECONDS)
    return Run(living.folder, living.driver, errors)


def test_an_orderly_cancel_leaves_whole_shards_and_exit_code_4(cancelled: Run) -> None:
    assert cancelled.driver.returncode == 4
    assert "Traceback" not in cancelled.errors
    assert (cancelled.status.state, cancelled.status.stages[STAGE].state) == ("cancelled", "interrupted")
    store = SimulationStore.open(cancelled.folder / "stages" / STAGE / "labels.zarr")
    assert store.damaged_units() == []
    rows = [store.unit_rows(unit) for unit in store.done_units()]
    assert sum(each.stop - each.start for each in rows) == cancelled.labels_done  # what was in flight was finished
    assert not list(store.path.rglob("*.partial"))


# --- gone on with, and finished ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(cancelled: Run, spec_file: Path) -> Path:
    """Folder of that run after it went on under another profile, by the spec that it froze, and was watched."""
    folder, done, spec = cancelled.folder, cancelled.labels_done, spec_file.read_text()
    spec_file.write_text("campaign: edited since\n")
    resumed = campaign(
        "resume", folder, "--profile", profile(spec_file.parent, {"workers": 2, "rows_per_unit": 7, "dashboard": False})
    )
    wait_until(lambda: run_status(folder).state == "running")
    watched = campaign("watch", folder, "--json")
    assert f"report: {folder / 'report.html'}" in finish(resumed).replace("\n", "")
    assert json.loads(finish(watched).splitlines()[-1])["event"] == "run-ended"
    spec_file.write_text(spec)
    told = [event for event in read_events(folder) if event.get("stage") == STAGE]
    first = next(event for event in reversed(told) if event.get("done") == done)
    assert first["total"] == LABELS  # it went on where it had stopped
    return folder


def test_everything_promised_is_in_the_run_folder(finished: Path) -> None:
    for name in (
        "tables/table1.json", "tables/table1.csv", "tables/table1.md", "tables/table1.tex", "report.html",
        "spec.source.yaml", "plan.json",
        "provenance.json", "figures/gallery.png", "figures/optimization-history.png", "figures/achieved.png",
        "figures/gan-losses.png", "figures/gan-samples.png", "figures/morphology.png", "figures/mdn-training.png",
        "figures/labels.png",
    ):  # fmt: skip
        assert (finished / name).stat().st_size > 0, name
    assert len(designs(finished)) == 2 * 4 * 2  # data sets, methods, targets
    report = (finished / "report.html").read_text()
    assert "pca-mdn" in report
    assert "validation loss" in report  # the sweep's trials


def test_stages_are_reached_through_the_run_folder(finished: Path) -> None:
    stages = finished / "stages"
    store = SimulationStore.open(stages / STAGE / "labels.zarr")
    assert store.is_complete
    assert store.capacity == LABELS
    columns = store.read("y", "absorption", "status")
    assert np.isfinite(columns["y"]).all()
    designs = SimulationStore.open(stages / "verification" / "gan-mdn" / "data-i" / "designs.zarr")
    assert set(designs.read("target")["target"]) == {0.6, 0.7}
    best = json.loads((stages / "tuning" / "gan-mdn" / "data-i" / "best.json").read_text())
    assert best["components"] in {3, 5}


def test_submitting_again_answers_from_the_cache(finished: Path, spec_file: Path) -> None:
    before = sum(1 for _ in read_events(finished))
    out = finish(submit(spec_file, finished.parent, {"workers": 2}))
    assert "answered from the cache" in out
    assert sum(1 for _ in read_events(finished)) == before


def test_history_stays_readable_without_a_cluster(finished: Path) -> None:
    assert "done; last event" in output("watch", finished, "--once")
    best: dict[str, list[float]] = {}
    for event in read_events(finished):
        if "best_rep" in event:
            best.setdefault(event["stage"], []).append(event["best_rep"])
    assert len(best) == 2 * 2 + 2 * 3  # searches for each target, and models that were verified, on each data set
    assert all(values == sorted(values, reverse=True) for values in best.values())
    of_training = output("logs", finished, "--stage", "generator")
    assert "Wrapping provided model" in of_training  # Ray Train's words from its ranks
    assert f"[{STAGE}] stage-ended state=done" in output("logs", finished, "--stage", STAGE)
    gone = campaign("dashboard", finished)
    _, errors = gone.communicate(timeout=WAIT_SECONDS)
    assert gone.returncode == 2
    assert "has no living cluster: it is done" in errors


# --- killed, and elsewhere --------------------------------------------------------------------------------------


@pytest.mark.slow  # test_chaos.py kills smaller campaigns, on one worker and on two, with every change
def test_a_run_killed_twice_on_one_worker_ends_with_the_same_numbers(
    finished: Path, spec_file: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    for moment in ("generator", "labels/data-i"):
        process = submit(spec_file, runs, {"workers": 1, "dashboard": False})
        wait_for_progress(runs, moment, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert run_status(run_folder(runs)).state == "interrupted"
    finish(submit(spec_file, runs, {"workers": 1, "dashboard": False}))
    assert designs(run_folder(runs)) == designs(finished)


@contextmanager
def standing_cluster(folder: Path) -> Iterator[str]:
    """Address of a Ray with two CPUs and a token that stands elsewhere and has another project of the same name."""
    for name in PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('this is the code of the cluster')")
    host = public_address()
    with lock_block() as ports, (folder / "ray.log").open("w") as log:
        temp_dir = make_temp_dir()
        command = start_command(NodeSize(cpus=2), ports, host, temp_dir, head=None)
        environment = os.environ | token_environment(make_token(folder)) | {"PYTHONPATH": str(folder)}
        ray = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 180
            while not answers(f"{host}:{ports.node_manager}"):
                assert ray.poll() is None, (folder / "ray.log").read_text()
                assert time.monotonic() < deadline, (folder / "ray.log").read_text()
                time.sleep(0.2)
            yield f"{host}:{ports.head}"
        finally:
            ray.terminate()
            ray.wait(timeout=120)
            shutil.rmtree(temp_dir)


@pytest.mark.slow  # test_source.py and test_keeper.py have the parts of it with every change
def test_a_standing_cluster_runs_the_code_of_the_driver_and_gives_the_same_numbers(
    tiny_run: Path, tiny_spec: Path, tmp_path: Path
) -> None:
    (tmp_path / "cluster").mkdir()
    with standing_cluster(tmp_path / "cluster") as address:
        place = {"kind": "ray", "address": address, "token_file": str(tmp_path / "cluster" / TOKEN_FILE)}
        finish(submit(tiny_spec, tmp_path / "runs", place))
        assert answers(address)
    assert designs(run_folder(tmp_path / "runs")) == designs(tiny_run)
