"""Commands that look at a run from outside, on folders that a driver left or is still writing."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command import campaign

from campaign.plan.keys import PROJECT
from campaign.record.cancel_request import clear_request, pending_request
from campaign.record.events import EventLog
from campaign.record.worker_log import stage_logs

EXIT_CODES = {"done": 0, "failed": 1, "interrupted": 1, "cancelled": 4}


def begun(folder: Path, dashboard: str | None = "http://127.0.0.1:8265") -> EventLog:
    """The log of a run that is half way through."""
    log = EventLog(folder)
    log.write("run-started", stages=["labels/a", "model/a"], host=platform.node(), process=os.getpid())
    log.write("cluster-started", dashboard=dashboard, cpus=2, gpus=0)
    log.write("stage-started", stage="labels/a")
    log.write("stage-working", stage="labels/a")
    log.write("progress", stage="labels/a", done=3, total=9, failed=1, best_rep=0.25, message="simulations")
    (folder / "logs").mkdir()
    (folder / "logs" / "driver.log").write_text("2026-01-01 00:00:00,000 INFO [labels/a] stage-started\n")
    stage_logs(folder, "labels/a").mkdir(parents=True)
    (stage_logs(folder, "labels/a") / "node1.log").write_text("a worker's words\n")
    return log


@pytest.fixture
def run(tmp_path: Path, drive: Callable[..., Path]) -> Path:
    """A run that goes on."""
    drive(tmp_path / "runs" / "small-1234")
    begun(tmp_path / "runs" / "small-1234").close()
    return tmp_path / "runs" / "small-1234"


def test_watch_once_shows_where_a_run_stands(run: Path) -> None:
    done = campaign("watch", run, "--once")
    assert done.returncode == 0
    assert f"running on {platform.node()} (2 CPUs) for" in done.stdout
    assert "1 simulations failed" in done.stdout
    assert "3/9 simulations, 1 failed, best REP 0.25 %" in done.stdout
    status = json.loads(campaign("watch", "small-1234", "--runs", run.parent, "--once", "--json").stdout)
    assert (status["state"], status["stages"]["labels/a"]["done"]) == ("running", 3)


@pytest.mark.parametrize("state", EXIT_CODES)
def test_the_exit_code_of_watch_says_how_a_run_ended(run: Path, state: str) -> None:
    EventLog(run).write("run-ended", state=state)
    assert campaign("watch", run).returncode == EXIT_CODES[state]


@pytest.mark.long
def test_watch_ends_with_the_run(run: Path) -> None:
    watch = subprocess.Popen(
        [sys.executable, "-m", "campaign", "watch", run], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert watch.stdout is not None
    first = watch.stdout.readline()
    assert first.startswith("0 of 2 stages done; labels/a 3/9 simulations")
    log = EventLog(run)
    log.write("stage-ended", stage="labels/a", state="failed", message="disk full")
    log.write("run-ended", state="failed")
    out, _ = watch.communicate(timeout=60)
    assert "failed: labels/a: disk full" in out
    assert watch.returncode == EXIT_CODES["failed"]


def test_watch_says_that_a_driver_is_gone(run: Path, drive: Callable[..., Path]) -> None:
    drive(run, process_started="another birth")
    done = campaign("watch", run)
    assert done.returncode == 1
    assert f"campaign resume {run}" in " ".join(done.stdout.split())


def test_watch_streams_events_as_lines_of_json(run: Path) -> None:
    EventLog(run).write("run-ended", state="done")
    lines = campaign("watch", run, "--json").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines][-1] == "run-ended"
    assert len(lines) == 6


def test_logs_of_a_stage_of_the_latest_run(run: Path) -> None:
    done = campaign("logs", "--stage", "labels", "--runs", run.parent)
    assert done.stdout == (
        "==> driver <==\n2026-01-01 00:00:00,000 INFO [labels/a] stage-started\n\n"
        "==> labels/a on node1 <==\na worker's words\n"
    )
    silent = campaign("logs", run, "--stage", "model/a")
    assert (silent.returncode, silent.stdout) == (0, "")
    assert "nothing was logged about model/a" in silent.stderr
    wrong = campaign("logs", run, "--stage", "lables")
    assert wrong.returncode == 2
    assert "has no stage lables; its stages: labels/a, model/a" in wrong.stderr


@pytest.mark.long
def test_logs_can_be_followed_to_the_end(run: Path) -> None:
    command = [sys.executable, "-u", "-m", "campaign", "logs", run, "--stage", "labels/a", "-f"]
    follow = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert follow.stdout is not None
    seen = [follow.stdout.readline() for _ in range(5)]
    assert seen[-1] == "a worker's words\n"
    with (stage_logs(run, "labels/a") / "node1.log").open("a") as stream:
        stream.write("its last words\n")
    EventLog(run).write("run-ended", state="failed")
    out, _ = follow.communicate(timeout=60)
    assert out == "its last words\n"
    assert follow.returncode == 0


@pytest.mark.long
def test_cancel_asks_waits_and_says_how_it_ended(run: Path) -> None:
    cancel = subprocess.Popen(
        [sys.executable, "-u", "-m", "campaign", "cancel", run], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while pending_request(run) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    request = pending_request(run)
    assert request is not None
    assert (request.now, request.host) == (False, platform.node())
    EventLog(run).write("run-ended", state="cancelled")
    out, _ = cancel.communicate(timeout=60)
    assert out.splitlines() == [
        f"asked the driver (process {os.getpid()} on {request.host}) to stop when simulations in flight have finished",
        f"{run} is cancelled: `campaign resume {run}` goes on",
    ]
    again = campaign("cancel", run)
    assert (again.returncode, again.stdout) == (0, f"nothing to cancel: {run} is cancelled\n")


def test_a_hard_request_is_not_softened(run: Path) -> None:
    assert campaign("cancel", run, "--now", "--no-wait").returncode == 0
    assert campaign("cancel", run, "--no-wait").returncode == 0
    request = pending_request(run)
    assert request is not None
    assert request.now
    clear_request(run)
    assert pending_request(run) is None


def test_resume_of_no_run_is_a_mistake(tmp_path: Path) -> None:
    done = campaign("resume", tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path}: not a run's folder (no spec.json)\n"


@pytest.mark.parametrize("command", ["watch", "logs", "cancel", "dashboard"])
def test_no_run_is_said(tmp_path: Path, command: str) -> None:
    none = campaign(command, "--runs", tmp_path)
    assert none.returncode == 2
    assert f"no runs below {tmp_path}" in none.stderr
    wrong = campaign(command, tmp_path / "nowhere")
    assert wrong.returncode == 2
    assert "not a run's folder" in wrong.stderr


def test_dashboard_prints_the_tunnel_and_the_token(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    found = json.loads(campaign("dashboard", run, "--port", "9000", "--json").stdout)
    assert found["tunnel"].startswith("ssh -N -L 9000:127.0.0.1:8265 ")
    assert (found["page"], found["token"]) == ("http://127.0.0.1:9000", "secret")
    shown = campaign("dashboard", run).stdout
    assert "ssh -N -L 8265:127.0.0.1:8265" in shown
    assert "secret" in shown


def test_dashboard_of_a_run_that_ended_is_not_there(run: Path) -> None:
    EventLog(run).write("run-ended", state="done")
    done = campaign("dashboard", run)
    assert done.returncode == 2
    assert f"{run} has no living cluster: it is done" in done.stderr
