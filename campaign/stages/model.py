"""Inverse models: fitted to the labels, or read from the authors' published weights."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import fits_of, inverse_methods, learner
from campaign.plan.finished import StageResults
from campaign.plan.footprint import Footprint
from campaign.plan.kind import Stage, StageKind
from campaign.plan.repeats import of_repeat
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import provider_of
from campaign.spec.plugin import InverseModelConfig
from campaign.stages.inverse_methods import method_of, module_of
from campaign.stages.inverse_methods.base import HISTORY_FILE, ModelConfig
from campaign.stages.labels import label_count

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.session import TrainingSession

FACTS_FILE = "facts.json"


@dataclass(frozen=True)
class FitTask:
    """What every data-parallel worker is given."""

    config: ModelConfig
    inputs: Mapping[str, Path]


def run(config: ModelConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave a fitted model in the stage's folder; ``fit.npz`` holds its losses where a density was fitted."""
    from campaign.work.context import TRAINING_FOLDER

    method, task = method_of(config.kind), FitTask(config, dict(inputs))
    if not (workers := method.workers(config)):
        context.facts |= context.task(fit, task, context.folder)
        return
    checkpoint = context.train(train, task, workers=workers, message=method.steps)
    shutil.copytree(checkpoint, context.folder, dirs_exist_ok=True)
    shutil.rmtree(context.folder / TRAINING_FOLDER)
    facts = context.folder / FACTS_FILE
    context.facts |= json.loads(facts.read_text(encoding="utf-8"))
    facts.unlink()


def fit(task: FitTask, folder: Path, session: TrainingSession | None = None) -> dict[str, Any]:
    """Fit one method to the labels that were simulated without failure; facts of it. Runs on a worker."""
    from ganmdn.epochs import ALONE

    return method_of(task.config.kind).fit(task.config, task.inputs, folder, session or ALONE)


def train(task: FitTask, session: TrainingSession) -> None:
    """The loop of one data-parallel worker; the model is its last checkpoint."""
    from ganmdn.epochs import TrainingPausedError

    newest = session.latest_checkpoint()
    if newest is not None and (newest / FACTS_FILE).is_file():
        return
    with tempfile.TemporaryDirectory(prefix="model-") as made:
        folder = Path(made)
        try:
            facts = fit(task, folder, session)
        except TrainingPausedError:
            return
        (folder / FACTS_FILE).write_text(json.dumps(facts), encoding="utf-8")
        session.report({"finished": 1.0}, folder if session.rank == 0 else None)


class ModelKind(StageKind[ModelConfig]):
    """What a method has learnt."""

    name = "model"
    schema_version = 8
    seconds_per_work = 2.0e-5  # see fitting_work

    def stages(self, spec: Spec) -> Iterator[Stage[ModelConfig]]:
        """One a data set and repeat of all that is learnt, whichever methods take it."""
        for dataset in spec.datasets:
            for method in inverse_methods(spec, dataset):
                if learner(spec, method, dataset) == method.method_name:
                    for repeat in fits_of(spec, method, dataset):
                        yield self._stage(spec, dataset, method, repeat)

    def _stage(self, spec: Spec, dataset: str, method: Any, repeat: int) -> Stage[ModelConfig]:
        kind = method_of(method.kind)
        return Stage(
            self,
            kind.config(of_repeat(spec, repeat), dataset, method),
            dataset,
            method.method_name,
            repeat=repeat,
            inputs=kind.inputs(spec, dataset, method),
            files=kind.files(method),
            providers=(provider_of(method),) if isinstance(method, InverseModelConfig) else (),
            modules=(module_of(method.kind),),
        )

    def work(self, config: ModelConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """As the method says of so many labels."""
        return method_of(config.kind).work(config, label_count(inputs["labels"])) if "labels" in inputs else 0.0

    def cores(self, config: ModelConfig) -> int:
        """One a data-parallel worker."""
        return max(1, method_of(config.kind).workers(config))

    def footprint(self, config: ModelConfig) -> Footprint:
        """As the method says."""
        return method_of(config.kind).footprint(config)

    def report(self, stages: Sequence[Stage[ModelConfig]], results: StageResults) -> Iterator[object]:
        """Losses of the densities that were fitted here."""
        from results.figures.training import TrainingCurve, mdn_training
        from results.report import Picture

        curves = []
        for stage in stages:
            path = results.folder(stage.name) / HISTORY_FILE
            if path.is_file():
                with np.load(path) as fit:
                    losses = fit["train_loss"], fit["validation_loss"]
                    curves.append(TrainingCurve(stage.dataset, stage.method, *losses, int(fit["best_epoch"])))
        if curves:
            late = dict.fromkeys(
                f"{curve.method} on {curve.dataset}" for curve in curves if curve.best_epoch == len(curve.training)
            )
            caption = (
                "Negative log-likelihood per epoch; the marked epoch's weights were kept. Where validation rises while "
                "training (grey) still falls, labels are learnt by heart: more labels help, more epochs do not. "
                + (
                    f"Still falling when they ended: {', '.join(late)}."
                    if late
                    else "None was still falling at its end."
                )
            )
            yield Picture("training", "mdn-training", mdn_training(curves), caption)
