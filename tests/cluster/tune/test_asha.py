"""Ordered ASHA against Ray's own, without a cluster: any interleaving decides as one worker does."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from cluster.tune.asha import OrderedASHA
from cluster.tune.halving import Halving

MAX_EPOCHS, GRACE_EPOCHS, REDUCTION = 9, 1, 3


@dataclass(eq=False)
class FakeTrial:
    config: dict[str, int]
    losses: list[float]
    last_result: dict[str, Any] = field(default_factory=dict)

    @property
    def trial_id(self) -> str:
        return f"trial-{self.config['index']}"


class FakeTune:
    """Tune's controller as far as a scheduler sees it: trials start in order, reports come in any order."""

    def __init__(self, scheduler: TrialScheduler, losses: list[list[float]], workers: int, seed: int) -> None:
        self.scheduler = scheduler
        self.waiting = [FakeTrial({"index": index}, curve) for index, curve in enumerate(losses)]
        self.running: list[FakeTrial] = []
        self.ready: list[FakeTrial] = []
        self.workers = workers
        self.random = random.Random(seed)
        self.epochs: dict[int, int] = {}

    def run(self) -> dict[int, int]:
        """Epochs that each trial was given."""
        while self.waiting or self.running:
            while self.waiting and len(self.running) < self.workers:
                trial = self.waiting.pop(0)
                self.scheduler.on_trial_add(self, trial)
                self.running.append(trial)
                self.ready.append(trial)
            assert self.ready, "every running trial waits for another one"
            trial = self.ready.pop(self.random.randrange(len(self.ready)))
            epoch = trial.last_result.get("epoch", 0) + 1
            if epoch > len(trial.losses):
                self._stop(trial)
                continue
            trial.last_result = {"epoch": epoch, "loss": trial.losses[epoch - 1]}
            self.epochs[trial.config["index"]] = epoch
            self._execute_action(trial, self.scheduler.on_trial_result(self, trial, trial.last_result))
        return self.epochs

    def _execute_action(self, trial: FakeTrial, action: str) -> None:
        if action == TrialScheduler.CONTINUE:
            self.ready.append(trial)
        elif action == TrialScheduler.STOP:
            self._stop(trial)

    def _stop(self, trial: FakeTrial) -> None:
        self.running.remove(trial)
        self.scheduler.on_trial_complete(self, trial, trial.last_result)


def ordered() -> OrderedASHA:
    halving = Halving(mode="min", max_epochs=MAX_EPOCHS, grace_epochs=GRACE_EPOCHS, reduction_factor=REDUCTION)
    return OrderedASHA("loss", halving)


def of_ray() -> ASHAScheduler:
    return ASHAScheduler(
        time_attr="epoch",
        metric="loss",
        mode="min",
        max_t=MAX_EPOCHS,
        grace_period=GRACE_EPOCHS,
        reduction_factor=REDUCTION,
    )


curves = st.lists(
    # Some trials end by themselves before the last epoch.
    st.lists(st.integers(0, 6).map(float), min_size=1, max_size=MAX_EPOCHS),
    min_size=1,
    max_size=12,
)


@pytest.mark.long
@settings(max_examples=200)
@given(curves, st.integers(1, 5), st.integers(0, 2**32))
def test_any_workers_and_timing_decide_as_rays_asha_on_one_worker(
    losses: list[list[float]], workers: int, seed: int
) -> None:
    one_worker = FakeTune(of_ray(), losses, workers=1, seed=0).run()
    assert FakeTune(ordered(), losses, workers=workers, seed=seed).run() == one_worker


def test_rays_asha_alone_depends_on_timing() -> None:
    """The reason for OrderedASHA; if this fails one day, Ray's scheduler will do."""
    rng = random.Random(0)
    losses = [[rng.random() for _ in range(MAX_EPOCHS)] for _ in range(12)]
    outcomes = {tuple(FakeTune(of_ray(), losses, workers=4, seed=seed).run().items()) for seed in range(20)}
    assert len(outcomes) > 1


def test_good_trials_go_on_and_bad_ones_stop() -> None:
    losses = [[1.0] * MAX_EPOCHS, [2.0] * MAX_EPOCHS, [0.5] * MAX_EPOCHS, [math.nan] * MAX_EPOCHS]
    epochs = FakeTune(ordered(), losses, workers=2, seed=1).run()
    assert epochs == {0: 9, 1: 1, 2: 9, 3: 1}


def test_a_failed_trial_does_not_hold_up_the_others() -> None:
    scheduler = ordered()
    tune = FakeTune(scheduler, [[1.0] * MAX_EPOCHS] * 2, workers=2, seed=0)
    first, second = tune.waiting
    for trial in (first, second):
        scheduler.on_trial_add(tune, trial)
    tune.running = [second]
    assert scheduler.on_trial_result(tune, second, {"epoch": 1, "loss": 1.0}) == TrialScheduler.NOOP
    assert tune.ready == []
    scheduler.on_trial_error(tune, first)
    assert tune.ready == [second]
