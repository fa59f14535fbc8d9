"""Hyperparameter sweeps on Ray Tune with ASHA: the same spec gives the same winner on any number of CPUs."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.exceptions import RayActorError
from ray.tune.result import TRIAL_ID

from cluster.driver.coordinator import Mailbox, run_coordinated
from cluster.driver.errors import WorkerLostError
from cluster.driver.offer import offered_cpus
from cluster.tune.asha import EPOCH, TRIAL_INDEX, OrderedASHA
from cluster.tune.outcome import TrialRecord, TuningResult, chosen
from cluster.tune.search_space import Search
from cluster.tune.trial import Metrics, Sweep, Trainable, run_trial

# How often a sweep is begun, to go on with the curves so far, when processes of its trials die.
MAX_ATTEMPTS = 3


def run_tuning(
    trainable: Trainable,
    search: Search,
    *,
    storage: Path,
    name: str,
    cpus: int,
    on_report: Callable[[int, int, Metrics], None] | None = None,
) -> TuningResult:
    """Search at random and stop unpromising trials early by ASHA.

    The outcome does not depend on ``cpus``, on timing or on interruptions, provided that the trainable depends
    on its configuration alone (seed it from there): configurations are keyed by the seed and the trial's
    number, ASHA judges in the order of the trials (:class:`OrderedASHA`), and ties go to the smaller number.
    Wall time does depend on them. The same ``(storage, name)`` asked again replays the epochs that are on disk.

    Parameters
    ----------
    trainable
        Picklable; ``trainable(config, report)`` calls ``report(epoch, metrics)`` after each epoch,
        from 1 on. A stopped trial does not come back from ``report``.
    search
        What to try.
    storage
        Folder that all nodes see.
    name
        Folder below ``storage``; a name must mean the same sweep for ever.
    cpus
        Trials at a time, with one CPU and one thread each.
    on_report
        Called in this thread with trial, epoch and metrics.

    Raises
    ------
    ValueError
        ``cpus`` out of range, or ``name`` belongs to another sweep.
    RuntimeError
        No trial came to a finite metric; the text has the first error.
    WorkerLostError
        Processes of trials died again and again.
    """
    # A trial that waits for its turn keeps its CPU: with fewer than promised, all could wait for one outside.
    available = offered_cpus()
    if not 1 <= cpus <= available:
        raise ValueError(f"cpus must be 1 to {available}, the CPUs that Ray offers, got {cpus}")
    sweep = Sweep(trainable, search, storage.absolute() / name)
    sweep.take_folder()
    return chosen(_run_until_no_loss(sweep, cpus, on_report), search.mode)


def _run_until_no_loss(
    sweep: Sweep, cpus: int, on_report: Callable[[int, int, Metrics], None] | None
) -> list[TrialRecord]:
    for _ in range(MAX_ATTEMPTS):
        records, lost = run_coordinated(
            partial(_run_once, sweep=sweep, cpus=cpus),
            lambda message: on_report(*message) if on_report is not None else None,
        )
        if not lost:
            return records
    raise WorkerLostError(f"trials {lost} of the sweep in {sweep.folder} lost their processes {MAX_ATTEMPTS} times")


class _Announcer(tune.Callback):
    """Sends each report to the driver, and knows which trial is whose: a result without a report has no config."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self.index_of: dict[str, int] = {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.index_of[trial.trial_id] = trial.config[TRIAL_INDEX]

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._mailbox.send((trial.config[TRIAL_INDEX], result[EPOCH], result["metrics"]))


def _run_once(mailbox: Mailbox, *, sweep: Sweep, cpus: int) -> tuple[list[TrialRecord], list[int]]:
    """Run or replay all trials, in the coordinator's process; returns them and the numbers of lost ones."""
    # Tune's own state is of no use: it forgets the scheduler's rungs. The curves are what we go on from.
    scratch = sweep.folder / "ray-tune"
    announcer = _Announcer(mailbox)
    shutil.rmtree(scratch, ignore_errors=True)
    tuner = tune.Tuner(
        tune.with_resources(partial(_run_trial, sweep=sweep), {"cpu": 1}),
        param_space={TRIAL_INDEX: tune.grid_search(list(range(len(sweep.configs))))},
        tune_config=tune.TuneConfig(
            scheduler=OrderedASHA(sweep.search.metric, sweep.halving()),
            max_concurrent_trials=cpus,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=scratch.name,
            storage_path=str(scratch.parent),
            callbacks=[announcer],
            verbose=0,
        ),
    )
    results = tuner.fit()
    shutil.rmtree(scratch, ignore_errors=True)
    outcomes = {
        announcer.index_of[(result.metrics or {})[TRIAL_ID]]: result
        for result in map(results.__getitem__, range(len(results)))
    }
    lost = [index for index, result in outcomes.items() if isinstance(result.error, RayActorError)]
    return [_record(sweep, index, outcomes[index]) for index in sorted(outcomes)], lost


def _run_trial(tune_config: dict[str, Any], *, sweep: Sweep) -> None:
    """One trial, in its own process."""

    def tell(epoch: int, metrics: Metrics) -> None:
        tune.report({EPOCH: epoch, sweep.search.metric: metrics[sweep.search.metric], "metrics": metrics})

    run_trial(sweep, tune_config[TRIAL_INDEX], tell)


def _record(sweep: Sweep, index: int, result: tune.Result) -> TrialRecord:
    metrics = result.metrics or {}
    error = None if result.error is None else str(result.error).strip().splitlines()[-1]
    return sweep.record(index, metrics.get(EPOCH, 0), metrics.get(sweep.search.metric, math.nan), error)
