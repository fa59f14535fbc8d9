"""A sweep over the hyperparameters of the paper's MDN; the stage ``model`` takes the best."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.plan.cost import TYPICAL_EPOCHS, fitting_work
from campaign.plan.finished import StageResults
from campaign.plan.footprint import BLOCK_BYTES, Footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Model, Seed
from campaign.spec.campaign import Spec
from campaign.spec.methods import GanMdnBlock, MdnTrainingBlock, Tune
from campaign.stages.labels import STORE as LABELS
from campaign.stages.labels import label_count, read_labels
from campaign.stages.mdn_training import mdn_training
from campaign.stages.seeds import seed_for

if TYPE_CHECKING:
    from campaign.work.context import StageContext

BEST_FILE = "best.json"
TRIALS_FILE = "trials.json"
METRIC = "validation_loss"


class TuningConfig(Model):
    """What is tried, and the training that is not."""

    seed: Seed
    mdn: MdnTrainingBlock
    tune: Tune


def run(config: TuningConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the best hyperparameters in ``best.json`` and what every trial came to in ``trials.json``."""
    result = context.tune(
        Trial(config, inputs["labels"] / LABELS),
        search_space(config.tune),
        options=config.tune.model_dump(include={"trials", "max_epochs", "grace_epochs", "reduction_factor"}),
        metric=METRIC,
        seed=seed_for(config.seed, "tuning"),
    )
    _write(context.folder / BEST_FILE, result.best_config)
    _write(context.folder / TRIALS_FILE, [asdict(trial) for trial in result.trials])
    context.facts |= {"best_metric": result.best_metric, "trials": len(result.trials)}


def search_space(tune: Tune) -> dict[str, tuple[Any, ...]]:
    """The spec's ``tune`` block as dimensions of ``cluster.tune.search_space``."""
    return {
        "learning_rate": ("loguniform", tune.learning_rate.low, tune.learning_rate.high),
        "batch_size": ("choice", list(tune.batch_size)),
        "components": ("choice", list(tune.components)),
        "width": ("choice", list(tune.width)),
    }


class Trial:
    """Fits the MDN with one choice of hyperparameters; runs on a worker of the sweep.

    Every trial sees the same split of the labels and the same stream of initial weights, so that trials differ by
    their hyperparameters alone. It reports the lowest validation loss so far, that of the weights a fit keeps.
    """

    def __init__(self, config: TuningConfig, labels: Path) -> None:
        self.config = config
        self.labels = labels

    def __call__(self, hyperparameters: dict[str, Any], report: Callable[[int, dict[str, float]], None]) -> None:
        """Fit once; ``report`` hears every epoch."""
        from ganmdn.mdn_training import fit_mdn

        labels = read_labels(self.labels)
        training = mdn_training(self.config.mdn, **hyperparameters, max_epochs=self.config.tune.max_epochs)
        best = math.inf

        def keep_best(epoch: int, losses: dict[str, float]) -> None:
            nonlocal best
            best = min(best, losses["validation_loss"])
            report(epoch, {METRIC: best})

        z = labels["z"].reshape(len(labels["z"]), -1)
        fit_mdn(labels["y"], z, training, seed_for(self.config.seed, "tuning", "fit"), keep_best)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def tuned_datasets(spec: Spec) -> list[str]:
    """Data sets for which the method whose MDN is tuned is asked."""
    methods = [method for method in spec.methods if isinstance(method, GanMdnBlock)]
    return [dataset for dataset in spec.datasets if any(method.is_for(dataset) for method in methods)]


class TuningKind(StageKind[TuningConfig]):
    """The hyperparameters that the paper's method takes."""

    name = "tuning"
    schema_version = 2
    seconds_to_start = 40.0  # of Ray Tune, on two cores
    seconds_per_work = 2.0e-5  # see fitting_work

    def stages(self, spec: Spec) -> Iterator[Stage[TuningConfig]]:
        """One a data set, where the spec asks for a sweep."""
        if spec.tune is not None:
            for dataset in tuned_datasets(spec):
                alone = spec.mdn.model_copy(update={"workers": 1})  # a trial has one CPU
                config = TuningConfig(seed=spec.seed, mdn=alone, tune=spec.tune)
                yield Stage(self, config, dataset, inputs={"labels": f"labels/{dataset}"})

    def work(self, config: TuningConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Labels that are seen, in all epochs; ASHA stops about half of the trials."""
        labels = inputs["labels"]
        epochs = config.tune.trials * min(TYPICAL_EPOCHS, config.tune.max_epochs) / 2
        return fitting_work(config.mdn, math.prod(labels.config.latent), label_count(labels), epochs)

    def cores(self, config: TuningConfig) -> None:
        """All."""

    def footprint(self, config: TuningConfig) -> Footprint:
        """A file a trial."""
        files = config.tune.trials + 2
        return Footprint(files * BLOCK_BYTES, files)

    def report(self, stages: Sequence[Stage[TuningConfig]], results: StageResults) -> Iterator[object]:
        """What every trial came to, the best first."""
        from results.report import DataTable

        names = ("learning_rate", "batch_size", "components", "width")
        rows = []
        for stage in stages:
            trials = json.loads((results.folder(stage.name) / TRIALS_FILE).read_text(encoding="utf-8"))
            trials.sort(key=lambda trial: (trial["stopped_early"], trial["metric"]))
            for place, trial in enumerate(trials):
                verdict = "stopped early" if trial["stopped_early"] else "best" if place == 0 else ""
                values = (f"{trial['config'][name]:.4g}" for name in names)
                rows.append((stage.dataset, *values, str(trial["epochs"]), f"{trial['metric']:.4f}", verdict))
        columns = ("data set", *(name.replace("_", " ") for name in names), "epochs", "validation loss", "")
        caption = (
            "Trials of the sweep over MDN hyperparameters, the best first: its settings are those of the models. Where "
            "they lie at the edge of what was swept, sweep further."
        )
        yield DataTable(columns, tuple(rows), caption, section="tune")
