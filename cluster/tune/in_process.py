"""Sweeps in the calling thread, one trial after the other: to the same end as on Ray Tune, which takes turns too."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from pathlib import Path

import cloudpickle

from cluster.driver.errors import WorkerDiedError, WorkerLostError
from cluster.tune.halving import Halving
from cluster.tune.outcome import TrialRecord, TuningResult, chosen
from cluster.tune.search_space import Search
from cluster.tune.trial import Metrics, Sweep, Trainable, run_trial

OnReport = Callable[[int, int, Metrics], None]


def tune_in_process(
    trainable: Trainable, search: Search, *, storage: Path, name: str, on_report: OnReport | None = None
) -> TuningResult:
    """Search at random and stop unpromising trials early; see :func:`cluster.tune.tuning.run_tuning`.

    Raises
    ------
    ValueError
        ``name`` belongs to another sweep.
    RuntimeError
        No trial came to a finite metric; the text has the first error.
    WorkerLostError
        A trial raised ``WorkerDiedError``.
    """
    sweep = Sweep(cloudpickle.loads(cloudpickle.dumps(trainable)), search, storage.absolute() / name)
    sweep.take_folder()
    halving = sweep.halving()
    records = [_Trial(sweep, index, halving, on_report).run() for index in range(search.trials)]
    return chosen(records, search.mode)


class _StoppedError(BaseException):
    """Ends a trial from within its report, past whatever it catches of its own errors."""


class _Trial:
    """One trial, from its begin to its record."""

    def __init__(self, sweep: Sweep, index: int, halving: Halving, on_report: OnReport | None) -> None:
        self._sweep, self._index, self._halving, self._on_report = sweep, index, halving, on_report
        self._epochs, self._metric = 0, math.nan
        self._refusal: BaseException | None = None

    def run(self) -> TrialRecord:
        error = None
        try:
            run_trial(self._sweep, self._index, self._tell)
        except _StoppedError:
            pass
        except WorkerDiedError as death:
            raise WorkerLostError(f"trial {self._index} of the sweep in {self._sweep.folder} died: {death}") from death
        except Exception as raised:
            if raised is self._refusal:
                raise
            error = "".join(traceback.format_exception_only(raised)).strip().splitlines()[-1]
        if self._epochs and error is None:
            self._halving.note_end(self._index, self._epochs, self._metric)
        return self._sweep.record(self._index, self._epochs, self._metric, error)

    def _tell(self, epoch: int, metrics: Metrics) -> None:
        self._epochs, self._metric = epoch, metrics[self._sweep.search.metric]
        try:
            if self._on_report is not None:
                self._on_report(self._index, epoch, metrics)
        except BaseException as refusal:
            self._refusal = refusal
            raise
        if self._halving.stops(self._index, epoch, self._metric):
            raise _StoppedError
