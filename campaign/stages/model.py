"""Inverse models: fitted to the labels, or read from the authors' published weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from campaign.spec.plugin import LabelledImages, implementation_of
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.labels import STORE as LABELS
from campaign.stages.labels import read_labels
from campaign.stages.seeds import seed_for
from campaign.stages.tuning import BEST_FILE
from campaign.work.context import StageContext
from campaign.work.progress_file import ProgressFile
from ganmdn.authors_mdn import load_authors_mdn
from ganmdn.direct_mdn import fit_direct_mdn
from ganmdn.inverse import InverseModel
from ganmdn.latent_mdn import WEIGHTS, fit_latent_mdn
from ganmdn.mdn import save_mdn
from ganmdn.mdn_training import EpochReport, MdnFit, MdnTraining
from ganmdn.networks import generate_images, load_generator
from ganmdn.pca_mdn import fit_pca_mdn

HISTORY_FILE = "fit.npz"


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave a fitted model in the stage's folder; ``fit.npz`` holds its losses where it was fitted here."""
    if config["kind"] == "authors-mdn":
        context.task(convert_authors, inputs["weights"], context.folder)
        return
    if "implementation" in config:
        labels, weights = inputs["labels"] / LABELS, inputs["generator"] / WEIGHTS_FILE
        context.task(fit_plugged, config, labels, weights, context.folder)
        return
    training = dict(config["mdn"])
    if "tuning" in inputs:
        training |= json.loads((inputs["tuning"] / BEST_FILE).read_text(encoding="utf-8"))
    labels = inputs["labels"] / LABELS
    context.facts |= context.watched_task(fit, config, training, labels, context.folder, message="epochs at most")


def fit(
    config: Mapping[str, Any], training: Mapping[str, Any], labels: Path, folder: Path, heartbeat: ProgressFile
) -> dict[str, Any]:
    """Fit one method to the labels that were simulated without failure; runs on a worker."""
    mdn = MdnTraining(**training)
    seed = seed_for(config["seed"], "model", config["kind"], config["dataset"])

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
    config: Mapping[str, Any],
    labels: Mapping[str, np.ndarray],
    mdn: MdnTraining,
    seed: np.random.SeedSequence,
    report: EpochReport,
) -> tuple[InverseModel, MdnFit]:
    match config["kind"]:
        case "gan-mdn":
            return fit_latent_mdn(labels["y"], labels["z"], _not_here, mdn, seed, report=report)
        case "pca-mdn":
            return fit_pca_mdn(labels["y"], labels["image"], int(np.prod(config["latent"])), mdn, seed, report=report)
        case "direct-mdn":
            return fit_direct_mdn(labels["y"], labels["image"], mdn, seed, report=report)
    raise ValueError(f"kind must be a method with a model of its own, got {config['kind']!r}")


def fit_plugged(config: Mapping[str, Any], labels: Path, weights: Path, folder: Path) -> None:
    """Fit an inverse model of somebody else's package; runs on a worker."""
    generate = partial(generate_images, load_generator(weights))
    seed = seed_for(config["seed"], "model", config["kind"], config["dataset"])
    learnt_from = LabelledImages(**read_labels(labels))
    implementation_of(config["implementation"]).fit(config["options"], learnt_from, generate, seed).save(folder)


def _not_here(z: np.ndarray) -> np.ndarray:
    raise RuntimeError("a model is fitted without the generator; the stage 'designs' brings it")


def convert_authors(weights: Path, folder: Path) -> None:
    """Read the authors' Keras file and write our own format; runs on a worker."""
    save_mdn(load_authors_mdn(weights), folder / WEIGHTS)
