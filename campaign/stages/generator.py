"""The generator: trained here on microstructures, or read from the authors' published weights."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.stages.seeds import seed_for
from campaign.work.context import TRAINING_FOLDER, StageContext
from ganmdn.authors import load_authors_generator
from ganmdn.gan import GanConfig, train_gan
from ganmdn.gan_checkpoint import GENERATOR_FILE
from ganmdn.networks import save_generator
from results.designs.design_set import DesignSet

if TYPE_CHECKING:
    from ganmdn.session import TrainingSession


WEIGHTS_FILE = GENERATOR_FILE
NOT_TRAINING = {"kind", "seed", "image_px"}  # of the stage's configuration; the rest is a GanConfig


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave ``generator.pt`` in the stage's folder; with loss history and samples where it was trained here."""
    if config["kind"] == "authors":
        context.task(convert_authors, inputs["weights"], context.folder / WEIGHTS_FILE)
        return
    training = {name: value for name, value in config.items() if name not in NOT_TRAINING}
    if "features" in inputs:
        training["features"] = {**training["features"], "weights": inputs["features"]}
    task = {"training": training, "seed": config["seed"], "microstructures": inputs["microstructures"]}
    checkpoint = context.train(train, task, workers=config["workers"], steps=config["steps"])
    shutil.copytree(checkpoint, context.folder, dirs_exist_ok=True)
    shutil.rmtree(context.folder / TRAINING_FOLDER)


def train(task: Mapping[str, Any], session: TrainingSession) -> None:
    """The loop of one data-parallel worker."""
    images = DesignSet.open(task["microstructures"]).images
    train_gan(GanConfig.from_mapping(task["training"]), images, seed_for(task["seed"], "generator"), session)


def convert_authors(pickle: Path, weights: Path) -> None:
    """Read the authors' pickle (arrays only) and write our own format; runs on a worker."""
    save_generator(load_authors_generator(pickle), weights)
