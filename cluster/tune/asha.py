"""ASHA whose decisions depend on the order of the trials, not on the order in which their reports arrive."""

from __future__ import annotations

import math
from typing import Any, Literal

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

# Key of a trial's number in its Tune configuration, and of the epoch in its reports.
TRIAL_INDEX = "index"
EPOCH = "epoch"


class OrderedASHA(ASHAScheduler):
    """Asynchronous successive halving (Li et al., MLSys 2020), made reproducible on any number of workers.

    Ray's scheduler compares a trial with those that reached the same rung earlier in wall-clock time. Here an
    epoch of trial ``i`` is judged once all trials with a smaller number have been judged at that epoch or have
    ended. A report that comes too early is held, and its trial idles, so the decisions are those of one worker
    that runs the trials one after the other. Trials start in order and advance at about the same pace, so
    little time is lost; the smallest number that still runs never waits, so neither can all.

    A trial whose metric is not finite is stopped at once.
    """

    def __init__(
        self,
        *,
        metric: str,
        mode: Literal["min", "max"],
        max_epochs: int,
        grace_epochs: int,
        reduction_factor: float,
    ) -> None:
        super().__init__(
            time_attr=EPOCH,
            metric=metric,
            mode=mode,
            max_t=max_epochs,
            grace_period=grace_epochs,
            reduction_factor=reduction_factor,
        )
        self._judged_epoch: dict[int, int] = {}
        self._ended: set[int] = set()
        self._held: dict[int, tuple[Trial, dict[str, Any]]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Judge a report, or hold it until its turn."""
        index = trial.config[TRIAL_INDEX]
        if not self._is_turn(index, result[EPOCH]):
            self._held[index] = (trial, result)
            return TrialScheduler.NOOP
        action = self._judge(tune_controller, trial, result)
        self._release(tune_controller)
        return action

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Note that a trial was stopped or returned; others may have waited for it."""
        super().on_trial_complete(tune_controller, trial, result)
        self._end(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Note that a trial failed; what it reported before stays in its rungs."""
        super().on_trial_error(tune_controller, trial)
        self._end(tune_controller, trial)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Note that a trial will not run."""
        super().on_trial_remove(tune_controller, trial)
        self._end(tune_controller, trial)

    def _is_turn(self, index: int, epoch: int) -> bool:
        return all(other in self._ended or self._judged_epoch.get(other, 0) >= epoch for other in range(index))

    def _judge(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        self._judged_epoch[trial.config[TRIAL_INDEX]] = result[EPOCH]
        if not math.isfinite(result[self.metric]):
            return TrialScheduler.STOP
        return super().on_trial_result(tune_controller, trial, result)

    def _end(self, tune_controller: Any, trial: Trial) -> None:
        index = trial.config[TRIAL_INDEX]
        self._ended.add(index)
        self._held.pop(index, None)
        self._release(tune_controller)

    def _release(self, tune_controller: Any) -> None:
        """Judge held reports whose turn has come; one may free the next, and stopping a trial comes back here."""
        while ready := [i for i, (_, result) in self._held.items() if self._is_turn(i, result[EPOCH])]:
            trial, result = self._held.pop(min(ready))
            # No public call makes Tune act on a trial outside of its own report; a test guards this one.
            tune_controller._execute_action(trial, self._judge(tune_controller, trial, result))
