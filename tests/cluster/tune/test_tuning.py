"""Sweeps on a real Ray Tune."""

from __future__ import annotations

import math
import os
import random
import re
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.tune.tuning import TuningResult, run_tuning

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_runtime")]

MAX_EPOCHS = 6


def sweep(trainable: Any, storage: Path, name: str, **changes: Any) -> TuningResult:
    options: dict[str, Any] = {
        "metric": "loss",
        "mode": "min",
        "trials": 6,
        "max_epochs": MAX_EPOCHS,
        "grace_epochs": 1,
        "reduction_factor": 2,
        "seed": np.random.SeedSequence(5),
        "cpus": 2,
    }
    space = {"rate": ("loguniform", 1e-3, 1e-1)}
    return run_tuning(trainable, space, storage=storage, name=name, **{**options, **changes})


def learn(config: dict[str, Any], report: Any) -> None:
    """Loss falls with the epochs and has its minimum at 1e-2; how long an epoch takes is random."""
    for epoch in range(1, MAX_EPOCHS + 1):
        time.sleep(0.03 * random.random())
        report(epoch, {"loss": abs(math.log10(config["rate"]) + 2) + 1 / epoch})


@pytest.fixture(scope="module")
def one_cpu_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("one-cpu")


@pytest.fixture(scope="module")
def on_one_cpu(ray_runtime: object, one_cpu_folder: Path) -> TuningResult:
    return sweep(learn, one_cpu_folder, "sweep", cpus=1)


def test_the_outcome_is_that_of_one_cpu(
    on_one_cpu: TuningResult, one_cpu_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: dict[int, list[int]] = {}

    def listen(index: int, epoch: int, metrics: dict[str, float]) -> None:
        heard.setdefault(index, []).append(epoch)

    many = sweep(learn, tmp_path, "many", cpus=3, on_report=listen)
    assert many == on_one_cpu
    assert capfd.readouterr() == ("", "")

    assert [trial.index for trial in many.trials] == list(range(6))
    full = [trial for trial in many.trials if trial.epochs == MAX_EPOCHS]
    assert many.best_metric == min(trial.metric for trial in full)
    assert many.best_config in [trial.config for trial in full]
    stopped = [trial for trial in many.trials if trial.stopped_early]
    assert {trial.index for trial in stopped} == set(range(6)) - {trial.index for trial in full} != set()
    with pytest.raises(ValueError, match="name must be new for a sweep with other arguments"):
        sweep(learn, one_cpu_folder, "sweep", seed=np.random.SeedSequence(6))
    assert heard == {trial.index: list(range(1, trial.epochs + 1)) for trial in many.trials}


def test_an_interrupted_sweep_goes_on_to_the_same_end(on_one_cpu: TuningResult, tmp_path: Path) -> None:
    """Ctrl-C ends the first attempt; in the second a trial's process is killed once."""
    calls = tmp_path / "calls"
    killed = tmp_path / "killed"

    def interrupt(index: int, epoch: int, metrics: dict[str, float]) -> None:
        if index == 3:
            raise KeyboardInterrupt

    def learn_slowly(config: dict[str, Any], report: Any) -> None:
        def report_late(epoch: int, metrics: dict[str, float]) -> None:
            time.sleep(0.5)  # the last trials have not ended when the driver hears of the fourth
            report(epoch, metrics)

        learn(config, report_late)

    def learn_fragile(config: dict[str, Any], report: Any) -> None:
        with calls.open("a") as file:
            file.write("x")
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        learn(config, report)

    with pytest.raises(KeyboardInterrupt):
        sweep(learn_slowly, tmp_path, "resumed", on_report=interrupt)
    assert sweep(learn_fragile, tmp_path, "resumed") == on_one_cpu
    # Two trials at least had ended when the fourth one spoke up, and one was begun twice.
    assert 1 < calls.stat().st_size <= 6 - 2 + 1


def test_a_failing_trial_is_a_record(tmp_path: Path) -> None:
    def moody(config: dict[str, Any], report: Any) -> None:
        if config["rate"] > 0.02:
            raise ArithmeticError("the rate is too high")
        learn(config, report)

    result = sweep(moody, tmp_path, "moody")
    failed = [trial for trial in result.trials if trial.config["rate"] > 0.02]
    assert failed
    for trial in failed:
        assert trial.error == "ArithmeticError: the rate is too high"
        assert math.isnan(trial.metric)
        assert (trial.epochs, trial.stopped_early) == (0, False)
    assert result.best_config["rate"] <= 0.02

    def hopeless(config: dict[str, Any], report: Any) -> None:
        report(1, {"accuracy": 1.0})

    expected = r"no trial of 1 ended with a finite metric; 1 raised, the first: .*metrics must have 'loss'"
    with pytest.raises(RuntimeError, match=expected):
        sweep(hopeless, tmp_path, "hopeless", trials=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grace_epochs": 7}, "grace_epochs must be 1 to max_epochs = 6, got 7"),
        ({"trials": 0}, "trials must be at least 1, got 0"),
        ({"mode": "best"}, "mode must be 'min' or 'max', got 'best'"),
        ({"reduction_factor": 1}, "reduction_factor must be above 1, got 1"),
        ({"cpus": 5}, "cpus must be 1 to 4, the CPUs that Ray offers, got 5"),
    ],
)
def test_numbers_out_of_range(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        sweep(learn, tmp_path, "never", **changes)
    assert not (tmp_path / "never").exists()
