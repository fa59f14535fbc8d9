"""A sweep as its processes know it: what to try, where its curves are, and how one trial runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ray import tune

from cluster.asha import EPOCH, TRIAL_INDEX
from cluster.curves import LearningCurve, Metrics

Config = dict[str, Any]
Report = Callable[[int, Metrics], None]
Trainable = Callable[[Config, Report], None]


@dataclass(frozen=True)
class Sweep:
    """What :func:`cluster.tuning.run_tuning` was asked for, with the configurations drawn."""

    trainable: Trainable
    configs: list[Config]
    metric: str
    mode: Literal["min", "max"]
    max_epochs: int
    grace_epochs: int
    reduction_factor: float
    folder: Path
    cpus: int

    def curve(self, index: int) -> LearningCurve:
        """Reports of a trial so far, on disk."""
        return LearningCurve(self.folder / f"trial-{index:04d}.jsonl")

    def claim_folder(self) -> None:
        """Write what the folder is for, or check that it is for the same.

        Raises:
            ValueError: it holds another sweep.
        """
        argued = ("configs", "metric", "mode", "max_epochs", "grace_epochs", "reduction_factor")
        description = json.dumps({name: getattr(self, name) for name in argued}, indent=1, default=str)
        note = self.folder / "sweep.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            unfinished = note.with_suffix(".part")
            unfinished.write_text(description)
            os.replace(unfinished, note)
        elif note.read_text() != description:
            raise ValueError(
                f"name must be new for a sweep with other arguments, but {self.folder} holds one that differs in "
                "space, seed, metric, trials or epochs; choose another name, or delete the folder"
            )


def run_trial(tune_config: Config, *, sweep: Sweep) -> None:
    """One trial, in its own process: replay what is on disk, then go on where that ends."""
    index = tune_config[TRIAL_INDEX]
    curve = sweep.curve(index)
    replayed = curve.last_epoch

    def tell(epoch: int, metrics: Metrics) -> None:
        tune.report({EPOCH: epoch, sweep.metric: metrics[sweep.metric], "metrics": metrics})

    def report(epoch: int, metrics: Metrics) -> None:
        if sweep.metric not in metrics:
            raise ValueError(f"metrics must have {sweep.metric!r}, which the sweep compares; got {sorted(metrics)}")
        if epoch > replayed:
            curve.append(epoch, metrics)
            tell(epoch, metrics)

    for epoch, metrics in curve.epochs[:replayed]:
        tell(epoch, metrics)
    if not curve.is_finished:
        # A trainable cannot start in the middle; it repeats the epochs that are known, unheard.
        sweep.trainable(sweep.configs[index], report)
        curve.finish()
