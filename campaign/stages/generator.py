"""The generator: trained here on microstructures, or read from the authors' published weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from campaign.plan.finished import StageResults
from campaign.plan.footprint import Footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Count, Model, Seed
from campaign.spec.campaign import Spec
from campaign.spec.generator import (
    AuthorsGenerator,
    GanTrainingBlock,
    Vgg16FeaturesBlock,
)
from campaign.stages.seeds import seed_for
from results.designs.design_set import DesignSet

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.gan_config import GanConfig
    from ganmdn.session import TrainingSession

WEIGHTS_FILE = "generator.pt"


class TrainedGeneratorConfig(Model):
    """A generator that is trained; a file of VGG-16's weights counts by content, so its path is left out."""

    kind: Literal["train"] = "train"
    seed: Seed
    image_px: Count
    training: GanTrainingBlock


class AuthorsGeneratorConfig(Model):
    """The authors' generator; their file counts by content."""

    kind: Literal["authors"] = "authors"


GeneratorConfig = TrainedGeneratorConfig | AuthorsGeneratorConfig


@dataclass(frozen=True)
class TrainingTask:
    """What every data-parallel worker is given."""

    config: TrainedGeneratorConfig
    microstructures: Path
    features: Path | None


def run(config: GeneratorConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave ``generator.pt`` in the stage's folder; with loss history and samples where it was trained here."""
    from campaign.work.context import TRAINING_FOLDER

    if isinstance(config, AuthorsGeneratorConfig):
        context.task(convert_authors, inputs["weights"], context.folder / WEIGHTS_FILE)
        return
    task = TrainingTask(config, inputs["microstructures"], inputs.get("features"))
    checkpoint = context.train(train, task, workers=config.training.workers, steps=config.training.steps)
    shutil.copytree(checkpoint, context.folder, dirs_exist_ok=True)
    shutil.rmtree(context.folder / TRAINING_FOLDER)


def train(task: TrainingTask, session: TrainingSession) -> None:
    """The loop of one data-parallel worker."""
    from ganmdn.gan import train_gan

    images = DesignSet.open(task.microstructures).images
    config = gan_config(task.config.training, task.features)
    train_gan(config, images, seed_for(task.config.seed, "generator"), session)


def gan_config(training: GanTrainingBlock, features_file: Path | None) -> GanConfig:
    """The spec's training block as ``ganmdn`` takes it."""
    from ganmdn.features import RandomFeatures, Vgg16Features
    from ganmdn.gan_config import GanConfig, LatentRange

    wanted = training.features
    own = training.model_dump(exclude={"features", "latent"})
    return GanConfig(
        **own,
        features=Vgg16Features(features_file)
        if isinstance(wanted, Vgg16FeaturesBlock)
        else RandomFeatures(wanted.filters, wanted.seed),
        latent=LatentRange(training.latent.low, training.latent.high),
    )


def convert_authors(pickle: Path, weights: Path) -> None:
    """Read the authors' pickle (arrays only) and write our own format; runs on a worker."""
    from ganmdn.authors import load_authors_generator
    from ganmdn.networks import save_generator

    save_generator(load_authors_generator(pickle), weights)


class GeneratorKind(StageKind[GeneratorConfig]):
    """One generator for all data sets."""

    name = "generator"
    schema_version = 6
    seconds_to_start = 5.0
    seconds_per_work = 1.6e-6  # one step, forward and backward of both networks, a pixel of the batch

    def stages(self, spec: Spec) -> Iterator[Stage[GeneratorConfig]]:
        """One."""
        generator = spec.generator
        if isinstance(generator, AuthorsGenerator):
            yield Stage(self, AuthorsGeneratorConfig(), files={"weights": generator.weights})
            return
        training, files = generator.training, {}
        if isinstance(training.features, Vgg16FeaturesBlock) and training.features.weights is not None:
            files["features"] = training.features.weights
            training = training.model_copy(update={"features": training.features.model_copy(update={"weights": None})})
        config = TrainedGeneratorConfig(seed=spec.seed, image_px=generator.image_px, training=training)
        yield Stage(self, config, inputs={"microstructures": "microstructures"}, files=files)

    def work(self, config: GeneratorConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Pixels that go through the networks."""
        if isinstance(config, AuthorsGeneratorConfig):
            return 0.0
        return config.training.steps * config.training.batch_size * config.image_px**2

    def cores(self, config: GeneratorConfig) -> int:
        """One a data-parallel worker."""
        return config.training.workers if isinstance(config, TrainedGeneratorConfig) else 1

    def footprint(self, config: GeneratorConfig) -> Footprint:
        """Weights; of a training also its history and two checkpoints of both networks and their optimisers."""
        weights = Footprint(5 * 2**20, 5)
        return weights if isinstance(config, AuthorsGeneratorConfig) else weights + Footprint(30 * 2**20, 30)

    def report(self, stages: Sequence[Stage[GeneratorConfig]], results: StageResults) -> Iterator[object]:
        """What the generator learnt, in numbers; samples and losses as the training went on."""
        import numpy as np

        from campaign.stages.generator_quality import judged_datasets, quality_table
        from ganmdn.gan_checkpoint import HISTORY_FILE, TrainingHistory
        from results.figures.gallery import image_sheet
        from results.figures.training import gan_losses
        from results.report import Picture

        for stage in stages:
            path = results.folder(stage.name) / HISTORY_FILE
            if not path.is_file():
                continue
            history = TrainingHistory.load(path)
            training = DesignSet.open(results.folder(stage.inputs["microstructures"])).images
            shown = 8
            sheet = {"microstructures": training[:shown]}
            for step, samples in list(zip(history.sample_step, history.samples, strict=True))[-3:]:
                sheet[f"step {step:,}"] = samples[:shown]
            caption = (
                "Training images, and images of the same latent vectors as training went on. The last row should be "
                "of the same grain as the first; rows that no longer change say that more steps would add little."
            )
            yield Picture("microstructures", "gan-samples", image_sheet(sheet, shown), caption)
            generators = list(judged_datasets(results))
            yield quality_table(generators)
            yield from generators
            losses = {name: np.asarray(values) for name, values in history.losses.items()}
            figure = gan_losses(np.asarray(history.step), losses)
            caption = (
                "Losses of the GAN's training. Generator and discriminator are opponents, so neither has to fall: look "
                "for one that runs away or stands still. How good the images are, table and morphology tell."
            )
            yield Picture("microstructures", "gan-losses", figure, caption)
