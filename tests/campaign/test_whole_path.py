"""The whole path on real Ray, small: stopped by Ctrl-C and gone on with, looked through, and killed on one worker."""

from __future__ import annotations

import copy
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from campaign.events import RunStatus, read_events, run_status
from campaign.fingerprint import PACKAGES
from campaign.keys import PROJECT
from cluster.access import TOKEN_FILE, make_token, token_environment
from cluster.keeper import public_address
from cluster.ports import lock_block
from cluster.ray_node import NodeSize, start_command
from cluster.rendezvous import answers
from cluster.temp_folder import make_temp_dir
from results.store import SimulationStore

pytestmark = [pytest.mark.ray, pytest.mark.heavy, pytest.mark.timeout(900)]
MEASURED = ("seconds",)  # columns that may differ from run to run


def start(spec: Path, runs: Path, workers: int) -> subprocess.Popen[str]:
    return submit(spec, runs, {"kind": "local", "workers": workers, "rows_per_unit": 7, "dashboard": False})


def submit(spec: Path, runs: Path, place: dict[str, Any]) -> subprocess.Popen[str]:
    profile = runs.parent / "profile.yaml"
    profile.write_text(yaml.safe_dump(place))
    command = [sys.executable, "-m", "campaign", "submit", str(spec), "--runs", str(runs), "--profile", str(profile)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT, start_new_session=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return out


def run_folder(runs: Path) -> Path:
    (folder,) = (path.parent for path in runs.glob("*/events.jsonl"))
    return folder


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "tables" / "table1.csv").open() as stream:
        return [{name: cell for name, cell in row.items() if name not in MEASURED} for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory: pytest.TempPathFactory, small: dict[str, Any]) -> Path:
    small = copy.deepcopy(small)
    small["tune"] = {"trials": 2, "max_epochs": 4, "grace_epochs": 2, "batch_size": [32], "components": [3, 5]}
    small["mdn"]["components"] = 4
    small["generator"]["training"] |= {"steps": 40, "checkpoint_every": 10}  # long enough to be killed in
    path = tmp_path_factory.mktemp("spec") / "small.yaml"
    path.write_text(yaml.safe_dump(small, sort_keys=False))
    return path


@dataclass
class Stopped:
    """A run on two workers that Ctrl-C stopped while it trained."""

    runs: Path
    exit_code: int
    errors: str
    status: RunStatus


@pytest.fixture(scope="module")
def stopped(spec_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    runs = tmp_path_factory.mktemp("whole") / "runs"
    process = start(spec_file, runs, workers=2)
    wait_for_progress(runs, "generator", process)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    return Stopped(runs, process.returncode, errors, run_status(run_folder(runs)))


@pytest.fixture(scope="module")
def finished(stopped: Stopped, spec_file: Path) -> Path:
    """Runs folder of that run after it went on to its end."""
    assert "finished in" in finish(start(spec_file, stopped.runs, workers=2))
    return stopped.runs


def test_ctrl_c_leaves_a_run_that_submit_continues(stopped: Stopped) -> None:
    assert stopped.exit_code == 130
    assert "campaign submit" in stopped.errors
    assert "Traceback" not in stopped.errors
    assert stopped.status.state == "interrupted"
    assert stopped.status.stages["microstructures"].state == "done"


def test_everything_promised_is_in_the_run_folder(finished: Path) -> None:
    folder = run_folder(finished)
    for name in (
        "tables/table1.csv", "tables/table1.md", "tables/table1.tex", "report.html", "spec.source.yaml", "plan.json",
        "provenance.json", "figures/gallery.png", "figures/optimization-history.png", "figures/achieved.png",
        "figures/gan-losses.png", "figures/gan-samples.png", "figures/morphology.png", "figures/mdn-training.png",
        "figures/labels.pdf",
    ):  # fmt: skip
        assert (folder / name).stat().st_size > 0, name
    assert len(table(folder)) == 2 * 4 * 2  # data sets, methods, targets
    report = (folder / "report.html").read_text()
    assert "pca-mdn" in report
    assert "validation loss" in report  # the sweep's trials


def test_stages_are_reached_through_the_run_folder(finished: Path) -> None:
    stages = run_folder(finished) / "stages"
    store = SimulationStore.open(stages / "labels" / "data-ii" / "labels.zarr")
    assert store.is_complete
    assert store.capacity == 80
    columns = store.read("y", "absorption", "status")
    assert np.isfinite(columns["y"]).all()
    designs = SimulationStore.open(stages / "verification" / "gan-mdn" / "data-i" / "designs.zarr")
    assert set(designs.read("target")["target"]) == {0.6, 0.7}
    best = json.loads((stages / "tuning" / "data-i" / "best.json").read_text())
    assert best["components"] in {3, 5}


def test_submitting_again_answers_from_the_cache(finished: Path, spec_file: Path) -> None:
    before = sum(1 for _ in read_events(run_folder(finished)))
    out = finish(start(spec_file, finished, workers=2))
    assert "answered from the cache" in out
    assert sum(1 for _ in read_events(run_folder(finished))) == before


def test_a_lost_report_is_written_again_from_the_results(finished: Path) -> None:
    folder = run_folder(finished)
    kept = table(folder)
    (folder / "report.html").unlink()
    (folder / "tables" / "table1.csv").unlink()
    done = subprocess.run([sys.executable, "-m", "campaign", "report", str(folder)], cwd=PROJECT, check=True)
    assert done.returncode == 0
    assert table(folder) == kept
    assert (folder / "report.html").is_file()


@pytest.mark.slow  # test_chaos.py kills smaller campaigns, on one worker and on two, with every change
def test_a_run_killed_twice_on_one_worker_ends_with_the_same_numbers(
    finished: Path, spec_file: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    for moment in ("generator", "labels/data-i"):
        process = start(spec_file, runs, workers=1)
        wait_for_progress(runs, moment, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert run_status(run_folder(runs)).state == "interrupted"
    finish(start(spec_file, runs, workers=1))
    assert table(run_folder(runs)) == table(run_folder(finished))


def wait_for_progress(runs: Path, stage: str, process: subprocess.Popen[str]) -> None:
    """Wait until the stage has done some of its work; on a quick machine it may be all."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        for events in runs.glob("*/events.jsonl"):
            status = run_status(events.parent).stages.get(stage)
            if status is not None and (status.done > 0 or status.state == "done"):
                return
        time.sleep(0.02)
    raise AssertionError(f"{stage} made no progress")


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
    tiny_runs: Path, tiny_spec: Path, tmp_path: Path
) -> None:
    (tmp_path / "cluster").mkdir()
    with standing_cluster(tmp_path / "cluster") as address:
        place = {"kind": "ray", "address": address, "token_file": str(tmp_path / "cluster" / TOKEN_FILE)}
        finish(submit(tiny_spec, tmp_path / "runs", place))
        assert answers(address)
    assert table(run_folder(tmp_path / "runs")) == table(run_folder(tiny_runs))
