"""Inverse models: fitted to the labels, or read from the authors' published weights."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from campaign.plan.config import DataSetConfig, PluggedPart, inverse_methods
from campaign.plan.cost import TYPICAL_EPOCHS, fitting_work
from campaign.plan.finished import StageResults
from campaign.plan.footprint import Footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Seed
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import provider_of
from campaign.spec.methods import AuthorsMdnBlock, GanMdnBlock, MdnTrainingBlock
from campaign.spec.plugin import InverseModelConfig, LabelledImages, implementation_of
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.labels import STORE as LABELS
from campaign.stages.labels import read_labels
from campaign.stages.mdn_training import mdn_training
from campaign.stages.seeds import seed_for
from campaign.stages.tuning import BEST_FILE

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from campaign.work.progress_file import ProgressFile
    from ganmdn.inverse import InverseModel
    from ganmdn.mdn_training import EpochReport, MdnFit, MdnTraining

HISTORY_FILE = "fit.npz"


class FittedModelConfig(DataSetConfig):
    """A mixture density network that is fitted here."""

    kind: Literal["gan-mdn", "pca-mdn", "direct-mdn"]
    seed: Seed
    mdn: MdnTrainingBlock


class AuthorsModelConfig(DataSetConfig):
    """The authors' network; their file counts by content."""

    kind: Literal["authors-mdn"] = "authors-mdn"


class PluggedModelConfig(DataSetConfig):
    """A model of somebody else's package."""

    seed: Seed
    model: PluggedPart


ModelConfig = FittedModelConfig | AuthorsModelConfig | PluggedModelConfig


def run(config: ModelConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave a fitted model in the stage's folder; ``fit.npz`` holds its losses where it was fitted here."""
    if isinstance(config, AuthorsModelConfig):
        context.task(convert_authors, inputs["weights"], context.folder)
        return
    labels = inputs["labels"] / LABELS
    if isinstance(config, PluggedModelConfig):
        context.task(fit_plugged, config, labels, inputs["generator"] / WEIGHTS_FILE, context.folder)
        return
    tuned = json.loads((inputs["tuning"] / BEST_FILE).read_text(encoding="utf-8")) if "tuning" in inputs else {}
    context.facts |= context.watched_task(fit, config, tuned, labels, context.folder, message="epochs at most")


def fit(
    config: FittedModelConfig, tuned: Mapping[str, Any], labels: Path, folder: Path, heartbeat: ProgressFile
) -> dict[str, Any]:
    """Fit one method to the labels that were simulated without failure; runs on a worker."""
    mdn = mdn_training(config.mdn, **tuned)
    seed = seed_for(config.seed, "model", config.kind, config.dataset)

    def report(epoch: int, losses: Mapping[str, float]) -> None:
        heartbeat.beat(epoch, mdn.max_epochs)

    model, history = _fit_method(config, read_labels(labels), mdn, seed, report)
    model.save(folder)
    np.savez(
        folder / HISTORY_FILE,
        train_loss=history.train_loss,
        validation_loss=history.validation_loss,
        best_epoch=history.best_epoch,
    )
    best = float(history.validation_loss[history.best_epoch - 1])
    return {"best_epoch": history.best_epoch, "validation_loss": best}


def _fit_method(
    config: FittedModelConfig,
    labels: Mapping[str, np.ndarray],
    mdn: MdnTraining,
    seed: np.random.SeedSequence,
    report: EpochReport,
) -> tuple[InverseModel, MdnFit]:
    from ganmdn.direct_mdn import fit_direct_mdn
    from ganmdn.latent_mdn import fit_latent_mdn
    from ganmdn.pca_mdn import fit_pca_mdn

    match config.kind:
        case "gan-mdn":
            return fit_latent_mdn(labels["y"], labels["z"], _not_here, mdn, seed, report=report)
        case "pca-mdn":
            return fit_pca_mdn(labels["y"], labels["image"], math.prod(config.latent), mdn, seed, report=report)
        case "direct-mdn":
            return fit_direct_mdn(labels["y"], labels["image"], mdn, seed, report=report)


def fit_plugged(config: PluggedModelConfig, labels: Path, weights: Path, folder: Path) -> None:
    """Fit an inverse model of somebody else's package; runs on a worker."""
    from ganmdn.networks import generate_images, load_generator

    generate = partial(generate_images, load_generator(weights))
    seed = seed_for(config.seed, "model", config.model.kind, config.dataset)
    learnt_from = LabelledImages(**read_labels(labels))
    implementation_of(config.model.implementation).fit(config.model.options, learnt_from, generate, seed).save(folder)


def _not_here(z: np.ndarray) -> np.ndarray:
    raise RuntimeError("a model is fitted without the generator; the stage 'designs' brings it")


def convert_authors(weights: Path, folder: Path) -> None:
    """Read the authors' Keras file and write our own format; runs on a worker."""
    from ganmdn.authors_mdn import load_authors_mdn
    from ganmdn.latent_mdn import WEIGHTS
    from ganmdn.mdn import save_mdn

    save_mdn(load_authors_mdn(weights), folder / WEIGHTS)


class ModelKind(StageKind[ModelConfig]):
    """What a method has learnt."""

    name = "model"
    schema_version = 2
    seconds_per_work = 2.0e-5  # see fitting_work

    def stages(self, spec: Spec) -> Iterator[Stage[ModelConfig]]:
        """One an inverse model and data set."""
        for dataset in spec.datasets:
            for method in inverse_methods(spec):
                yield self._stage(spec, dataset, method)

    def _stage(self, spec: Spec, dataset: str, method: Any) -> Stage[ModelConfig]:
        if isinstance(method, AuthorsMdnBlock):
            config: ModelConfig = AuthorsModelConfig.make(spec, dataset)
            return Stage(self, config, dataset, method.kind, files={"weights": method.weights})
        inputs = {"labels": f"labels/{dataset}"}
        if isinstance(method, InverseModelConfig):
            config = PluggedModelConfig.make(spec, dataset, seed=spec.seed, model=PluggedPart.of(method))
            inputs["generator"] = "generator"
            return Stage(self, config, dataset, method.kind, inputs=inputs, providers=(provider_of(method),))
        if spec.tune is not None and isinstance(method, GanMdnBlock):
            inputs["tuning"] = f"tuning/{dataset}"
        config = FittedModelConfig.make(spec, dataset, kind=method.kind, seed=spec.seed, mdn=spec.mdn)
        return Stage(self, config, dataset, method.kind, inputs=inputs)

    def work(self, config: ModelConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Labels that are seen, in as many epochs as there usually are until early stopping."""
        if not isinstance(config, FittedModelConfig):
            return 0.0
        epochs = min(TYPICAL_EPOCHS, config.mdn.max_epochs)
        return fitting_work(config.mdn, self._outputs(config), inputs["labels"].simulations, epochs)

    def footprint(self, config: ModelConfig) -> Footprint:
        """The network's heads hold nearly all of its weights; PCA keeps its components beside them."""
        if not isinstance(config, FittedModelConfig):
            return Footprint(2**20, 2)
        mdn, pixels = config.mdn, config.image_px**2
        weights = 4 * (mdn.width + 1) * mdn.components * (2 * self._outputs(config) + 1)
        components = 4 * pixels * (math.prod(config.latent) + 2) if config.kind == "pca-mdn" else 0
        return Footprint(weights + components + 2**16, 4)

    def _outputs(self, config: FittedModelConfig) -> int:
        """Dimensions of what the network predicts."""
        return config.image_px**2 if config.kind == "direct-mdn" else math.prod(config.latent)

    def report(self, stages: Sequence[Stage[ModelConfig]], results: StageResults) -> Iterator[object]:
        """Losses of the models that were fitted here."""
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
            caption = "Negative log-likelihood per epoch; the marked epoch's weights were kept."
            yield Picture("training", "mdn-training", mdn_training(curves), caption)
