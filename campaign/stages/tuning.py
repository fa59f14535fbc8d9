"""A sweep over the hyperparameters of the paper's MDN; the stage ``model`` takes the best."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from campaign.stages.labels import STORE as LABELS
from campaign.stages.labels import read_labels
from campaign.stages.seeds import seed_for
from campaign.work.context import StageContext
from ganmdn.mdn_training import MdnTraining, fit_mdn

BEST_FILE = "best.json"
TRIALS_FILE = "trials.json"
METRIC = "validation_loss"


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the best hyperparameters in ``best.json`` and what every trial came to in ``trials.json``."""
    result = context.tune(
        Trial(config, inputs["labels"] / LABELS),
        search_space(config["tune"]),
        options={name: config["tune"][name] for name in ("trials", "max_epochs", "grace_epochs", "reduction_factor")},
        metric=METRIC,
        seed=seed_for(config["seed"], "tuning"),
    )
    _write(context.folder / BEST_FILE, result.best_config)
    _write(context.folder / TRIALS_FILE, [asdict(trial) for trial in result.trials])
    context.facts |= {"best_metric": result.best_metric, "trials": len(result.trials)}


def search_space(tune: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The spec's ``tune`` block as dimensions of ``cluster.tune.search_space``."""
    return {
        "learning_rate": ("loguniform", tune["learning_rate"]["low"], tune["learning_rate"]["high"]),
        **{name: ("choice", tune[name]) for name in ("batch_size", "components", "width")},
    }


class Trial:
    """Fits the MDN with one choice of hyperparameters; runs on a worker of the sweep.

    Every trial sees the same split of the labels and the same stream of initial weights, so that trials differ by
    their hyperparameters alone. It reports the lowest validation loss so far, that of the weights a fit keeps.
    """

    def __init__(self, config: Mapping[str, Any], labels: Path) -> None:
        self.config = config
        self.labels = labels

    def __call__(self, hyperparameters: dict[str, Any], report: Callable[[int, dict[str, float]], None]) -> None:
        """Fit once; ``report`` hears every epoch."""
        labels = read_labels(self.labels)
        training = {**self.config["mdn"], **hyperparameters, "max_epochs": self.config["tune"]["max_epochs"]}
        best = math.inf

        def keep_best(epoch: int, losses: dict[str, float]) -> None:
            nonlocal best
            best = min(best, losses["validation_loss"])
            report(epoch, {METRIC: best})

        z = labels["z"].reshape(len(labels["z"]), -1)
        fit_mdn(labels["y"], z, MdnTraining(**training), seed_for(self.config["seed"], "tuning", "fit"), keep_best)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
