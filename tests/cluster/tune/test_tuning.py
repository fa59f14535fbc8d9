"""Sweeps, in this process and on a real Ray Tune: to the same end."""

from __future__ import annotations

import math
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.tune.in_process import tune_in_process
from cluster.tune.outcome import TuningResult
from cluster.tune.search_space import Search

MAX_EPOCHS = 6
SEARCH = Search(
    space={"rate": ("loguniform", 1e-3, 1e-1)},
    metric="loss",
    mode="min",
    trials=6,
    max_epochs=MAX_EPOCHS,
    grace_epochs=1,
    reduction_factor=2,
    seed=np.random.SeedSequence(5),
)


def on_ray(trainable: Any, storage: Path, name: str, search: Search = SEARCH, **options: Any) -> TuningResult:
    from cluster.tune.tuning import run_tuning

    return run_tuning(trainable, search, storage=storage, name=name, **{"cpus": 3, **options})


def here(trainable: Any, storage: Path, name: str, search: Search = SEARCH, **options: Any) -> TuningResult:
    return tune_in_process(trainable, search, storage=storage, name=name, **options)


def learn(config: dict[str, Any], report: Callable[[int, dict[str, float]], None]) -> None:
    """Loss falls with the epochs and has its minimum at 1e-2; a rate that is too high raises."""
    if config["rate"] > 0.02:
        raise ArithmeticError("the rate is too high")
    for epoch in range(1, MAX_EPOCHS + 1):
        report(epoch, {"loss": abs(math.log10(config["rate"]) + 2) + 1 / epoch})


def learn_unevenly(config: dict[str, Any], report: Callable[[int, dict[str, float]], None]) -> None:
    """As ``learn``, except that how long an epoch takes is random."""

    def report_late(epoch: int, metrics: dict[str, float]) -> None:
        time.sleep(0.03 * random.random())
        report(epoch, metrics)

    learn(config, report_late)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> TuningResult:
    return here(learn, tmp_path_factory.mktemp("sweep"), "sweep")


class Heard:
    """The epochs of every trial, as they are told."""

    def __init__(self) -> None:
        self.epochs: dict[int, list[int]] = {}

    def __call__(self, index: int, epoch: int, metrics: dict[str, float]) -> None:
        assert metrics["loss"] > 0
        self.epochs.setdefault(index, []).append(epoch)


def assert_told(heard: Heard, result: TuningResult) -> None:
    assert heard.epochs == {trial.index: list(range(1, trial.epochs + 1)) for trial in result.trials if trial.epochs}


def test_the_best_of_those_that_went_to_the_end_wins(tmp_path: Path) -> None:
    heard = Heard()
    result = here(learn, tmp_path, "sweep", on_report=heard)
    assert [trial.index for trial in result.trials] == list(range(6))
    full = [trial for trial in result.trials if trial.epochs == MAX_EPOCHS]
    assert result.best_metric == min(trial.metric for trial in full)
    assert result.best_config in [trial.config for trial in full]
    failed = {trial.index for trial in result.trials if trial.error is not None}
    stopped = {trial.index for trial in result.trials if trial.stopped_early}
    assert failed
    assert stopped
    assert failed | stopped | {trial.index for trial in full} == set(range(6))
    assert_told(heard, result)


def test_a_failing_trial_is_a_record(expected: TuningResult) -> None:
    failed = [trial for trial in expected.trials if trial.config["rate"] > 0.02]
    assert failed
    for trial in failed:
        assert trial.error == "ArithmeticError: the rate is too high"
        assert math.isnan(trial.metric)
        assert (trial.epochs, trial.stopped_early) == (0, False)


def test_a_metric_that_is_not_reported_is_told(tmp_path: Path) -> None:
    def hopeless(config: dict[str, Any], report: Any) -> None:
        report(1, {"accuracy": 1.0})

    message = r"no trial of 1 ended with a finite metric; 1 raised, the first: .*metrics must have 'loss'"
    with pytest.raises(RuntimeError, match=message):
        here(hopeless, tmp_path, "hopeless", replace(SEARCH, trials=1))


def test_a_folder_holds_one_sweep(tmp_path: Path) -> None:
    here(learn, tmp_path, "sweep")
    with pytest.raises(ValueError, match="name must be new for a sweep with other arguments"):
        here(learn, tmp_path, "sweep", replace(SEARCH, seed=np.random.SeedSequence(6)))


def test_an_interrupted_sweep_goes_on_to_the_same_end(expected: TuningResult, tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def interrupt(index: int, epoch: int, metrics: dict[str, float]) -> None:
        if index >= 3:  # the fourth raises
            raise KeyboardInterrupt

    def counted(config: dict[str, Any], report: Any) -> None:
        with calls.open("a") as file:
            file.write("x")
        learn(config, report)

    with pytest.raises(KeyboardInterrupt):
        here(learn, tmp_path, "resumed", on_report=interrupt)
    assert here(counted, tmp_path, "resumed") == expected
    full = sum(trial.epochs == MAX_EPOCHS and trial.index < 3 for trial in expected.trials)
    assert full > 0
    assert calls.stat().st_size <= 6 - full  # those that went to the end are not tried again


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_on_ray_the_outcome_is_that_of_one_trial_after_the_other(
    expected: TuningResult, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = Heard()
    with pytest.raises(ValueError, match="cpus must be 1 to 4, the CPUs that Ray offers, got 5"):
        on_ray(learn_unevenly, tmp_path, "never", cpus=5)
    assert not (tmp_path / "never").exists()
    result = on_ray(learn_unevenly, tmp_path, "sweep", on_report=heard)
    assert repr(result) == repr(expected)  # NaN is not equal to itself
    assert capfd.readouterr() == ("", "")
    assert_told(heard, result)


@pytest.mark.slow  # with every change, a sweep in this process is interrupted, and one on Ray comes to the same end
@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_an_interrupted_sweep_on_ray_goes_on_to_the_same_end(expected: TuningResult, tmp_path: Path) -> None:
    """Ctrl-C ends the first attempt; in the second a trial's process is killed once."""
    calls, killed = tmp_path / "calls", tmp_path / "killed"

    def interrupt(index: int, epoch: int, metrics: dict[str, float]) -> None:
        if index >= 3:  # the fourth raises
            raise KeyboardInterrupt

    def learn_slowly(config: dict[str, Any], report: Any) -> None:
        def report_late(epoch: int, metrics: dict[str, float]) -> None:
            time.sleep(0.5)  # the last trials have not ended when the driver hears of a later one
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
        on_ray(learn_slowly, tmp_path, "resumed", on_report=interrupt, cpus=2)
    assert repr(on_ray(learn_fragile, tmp_path, "resumed", cpus=2)) == repr(expected)
    # Two trials at least had ended when a later one spoke up, and one was begun twice.
    assert 1 < calls.stat().st_size <= 6 - 2 + 1
