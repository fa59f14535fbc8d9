"""A sweep over the hyperparameters of what a method learns; the stage ``model`` takes the best."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.plan.config import inverse_methods, learner
from campaign.plan.cost import TYPICAL_EPOCHS
from campaign.plan.finished import StageResults
from campaign.plan.footprint import BLOCK_BYTES, Footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Model, Range, Seed
from campaign.spec.campaign import Spec
from campaign.spec.methods import SweepBlock
from campaign.stages.inverse_methods import method_of, module_of
from campaign.stages.inverse_methods.base import BEST_FILE, InverseMethod, ModelConfig
from campaign.stages.labels import STORE as LABELS
from campaign.stages.labels import label_count, read_labels
from campaign.stages.seeds import seed_for

if TYPE_CHECKING:
    from campaign.work.context import StageContext

TRIALS_FILE = "trials.json"
METRIC = "validation_loss"


class TuningConfig(Model):
    """What is tried (the block ``tune``), and the fit that it is for (the method's configuration), as plain data."""

    kind: str
    seed: Seed
    model: dict[str, Any]
    tune: dict[str, Any]

    @property
    def method(self) -> InverseMethod[Any]:
        """What is fitted."""
        return method_of(self.kind)

    @property
    def fit(self) -> ModelConfig:
        """The fit that trials are of."""
        return self.method.config_type.model_validate(self.model)

    @property
    def sweep(self) -> SweepBlock:
        """What is tried."""
        return self.method.sweep_type.model_validate(self.tune)


def run(config: TuningConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the best hyperparameters in ``best.json`` and what every trial came to in ``trials.json``."""
    result = context.tune(
        Trial(config, inputs["labels"] / LABELS),
        search_space(config.sweep),
        options=config.sweep.model_dump(include={"trials", "max_epochs", "grace_epochs", "reduction_factor"}),
        metric=METRIC,
        seed=seed_for(config.seed, "tuning"),
    )
    _write(context.folder / BEST_FILE, result.best_config)
    _write(context.folder / TRIALS_FILE, [asdict(trial) for trial in result.trials])
    context.facts |= {"best_metric": result.best_metric, "trials": len(result.trials)}


def search_space(tune: SweepBlock) -> dict[str, tuple[Any, ...]]:
    """A block of the spec as dimensions of ``cluster.tune.search_space``."""
    tried = {name: getattr(tune, name) for name in tune.settings()}
    return {
        name: ("loguniform", each.low, each.high) if isinstance(each, Range) else ("choice", list(each))
        for name, each in tried.items()
    }


class Trial:
    """Fits with one choice of hyperparameters; runs on a worker of the sweep.

    Every trial sees the same split of the labels and the same stream of initial weights, so that trials differ by
    their hyperparameters alone. It reports the lowest validation loss so far: a density's fit keeps those weights.
    """

    def __init__(self, config: TuningConfig, labels: Path) -> None:
        self.config = config
        self.labels = labels

    def __call__(self, hyperparameters: dict[str, Any], report: Callable[[int, dict[str, float]], None]) -> None:
        """Fit once; ``report`` hears every epoch."""
        best = math.inf

        def keep_best(epoch: int, losses: dict[str, float]) -> None:
            nonlocal best
            best = min(best, losses[METRIC])
            report(epoch, {METRIC: best})

        config, labels = self.config, read_labels(self.labels)
        config.method.try_once(config.fit, labels, hyperparameters, config.sweep.max_epochs, keep_best)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


class TuningKind(StageKind[TuningConfig]):
    """The hyperparameters that a method takes."""

    name = "tuning"
    schema_version = 4
    seconds_to_start = 40.0  # of Ray Tune, on two cores
    seconds_per_work = 2.0e-5  # see fitting_work

    def stages(self, spec: Spec) -> Iterator[Stage[TuningConfig]]:
        """One a data set of all that is learnt with a sweep before."""
        for dataset in spec.datasets:
            for method in inverse_methods(spec, dataset):
                sweep = method_of(method.kind).sweep(spec, method)
                if sweep is not None and learner(spec, method, dataset) == method.method_name:
                    yield self._stage(spec, dataset, method, sweep)

    def _stage(self, spec: Spec, dataset: str, method: Any, sweep: SweepBlock) -> Stage[TuningConfig]:
        alone = {"workers": 1}  # a trial has one CPU
        own = {**alone, "tune": None} if "workers" in type(method).model_fields else {}
        changed = spec.model_copy(update={"mdn": spec.mdn.model_copy(update=alone)})
        model = method_of(method.kind).config(changed, dataset, method.model_copy(update=own))
        told = {"model": model.model_dump(mode="json"), "tune": sweep.model_dump(mode="json")}
        return Stage(
            self,
            TuningConfig(kind=method.kind, seed=spec.seed, **told),
            dataset,
            method.method_name,
            inputs={"labels": f"labels/{dataset}"},
            modules=(module_of(method.kind),),
        )

    def work(self, config: TuningConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Labels that are seen, in all epochs; ASHA stops about half of the trials."""
        epochs = config.sweep.trials * min(TYPICAL_EPOCHS, config.sweep.max_epochs) / 2
        return epochs * config.method.epoch_work(config.fit, label_count(inputs["labels"]))

    def cores(self, config: TuningConfig) -> None:
        """All."""

    def footprint(self, config: TuningConfig) -> Footprint:
        """A file a trial."""
        files = config.sweep.trials + 2
        return Footprint(files * BLOCK_BYTES, files)

    def report(self, stages: Sequence[Stage[TuningConfig]], results: StageResults) -> Iterator[object]:
        """What every trial came to, the best first; a table for each method's settings."""
        from results.report import DataTable

        for method in dict.fromkeys(stage.method for stage in stages):
            own = [stage for stage in stages if stage.method == method]
            names = own[0].config.sweep.settings()
            rows = tuple(row for stage in own for row in _trial_rows(stage, names, results))
            columns = ("data set", *(name.replace("_", " ") for name in names), "epochs", "validation loss", "")
            caption = (
                f"Trials of the sweep over hyperparameters of {method}, the best first: its settings are those of the "
                "models. Where they lie at the edge of what was swept, sweep further."
            )
            yield DataTable(columns, rows, caption, section="tune")


def _trial_rows(stage: Stage[TuningConfig], names: Sequence[str], results: StageResults) -> Iterator[tuple[str, ...]]:
    trials = json.loads((results.folder(stage.name) / TRIALS_FILE).read_text(encoding="utf-8"))
    trials.sort(key=lambda trial: (trial["stopped_early"], trial["metric"]))
    for place, trial in enumerate(trials):
        verdict = "stopped early" if trial["stopped_early"] else "best" if place == 0 else ""
        values = (f"{trial['config'][name]:.4g}" for name in names)
        yield (stage.dataset, *values, str(trial["epochs"]), f"{trial['metric']:.4f}", verdict)
