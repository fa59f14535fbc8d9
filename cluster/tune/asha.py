"""ASHA on Ray Tune whose decisions depend on the order of the trials, not on that in which their reports arrive."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from cluster.driver.ray_private import act_on_trial
from cluster.tune.halving import Halving

# Key of a trial's number in its Tune configuration, and of the epoch in its reports.
TRIAL_INDEX = "index"
EPOCH = "epoch"


class OrderedASHA(FIFOScheduler):
    """Successive halving, made reproducible on any number of workers.

    Ray's own scheduler compares a trial with those that reached the same rung earlier in wall-clock time. Here an
    epoch of trial ``i`` is judged once all trials with a smaller number have been judged at that epoch or have
    ended. A report that comes too early is held, and its trial idles, so the decisions are those of one worker
    that runs the trials one after the other. Trials start in order and advance at about the same pace, so
    little time is lost; the smallest number that still runs never waits, so neither can all.
    """

    def __init__(self, metric: str, halving: Halving) -> None:
        """Judge reports by their ``metric``."""
        super().__init__()
        self._judged_metric, self._halving = metric, halving
        self._judged_epoch: dict[int, int] = {}
        self._ended: set[int] = set()
        self._held: dict[int, tuple[Trial, dict[str, Any]]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Judge a report, or hold it until its turn."""
        index = trial.config[TRIAL_INDEX]
        if not self._is_turn(index, result[EPOCH]):
            self._held[index] = (trial, result)
            return TrialScheduler.NOOP
        action = self._judge(index, result)
        self._release(tune_controller)
        return action

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Note that a trial was stopped or returned; others may have waited for it."""
        if EPOCH in result:
            self._halving.note_end(trial.config[TRIAL_INDEX], result[EPOCH], result[self._judged_metric])
        self._end(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Note that a trial failed; what it reported before stays in its rungs."""
        self._end(tune_controller, trial)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Note that a trial will not run."""
        self._end(tune_controller, trial)

    def _is_turn(self, index: int, epoch: int) -> bool:
        return all(other in self._ended or self._judged_epoch.get(other, 0) >= epoch for other in range(index))

    def _judge(self, index: int, result: dict[str, Any]) -> str:
        self._judged_epoch[index] = result[EPOCH]
        stops = self._halving.stops(index, result[EPOCH], result[self._judged_metric])
        return TrialScheduler.STOP if stops else TrialScheduler.CONTINUE

    def _end(self, tune_controller: Any, trial: Trial) -> None:
        index = trial.config[TRIAL_INDEX]
        self._ended.add(index)
        self._held.pop(index, None)
        self._release(tune_controller)

    def _release(self, tune_controller: Any) -> None:
        """Judge held reports whose turn has come; one may free the next, and stopping a trial comes back here."""
        while ready := [i for i, (_, result) in self._held.items() if self._is_turn(i, result[EPOCH])]:
            index = min(ready)
            trial, result = self._held.pop(index)
            act_on_trial(tune_controller, trial, self._judge(index, result))
