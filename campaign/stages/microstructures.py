"""Training images: Gaussian random fields, drawn by index so that any worker draws the same image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.plan.finished import StageResults
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Count, Model, Seed
from campaign.spec.campaign import Spec
from campaign.spec.generator import Microstructures, TrainedGenerator
from campaign.stages.seeds import seed_for
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.microstructures import MicrostructureRanges

IMAGES_PER_UNIT = 256


class MicrostructuresConfig(Model):
    """Which images are drawn."""

    seed: Seed
    image_px: Count
    microstructures: Microstructures


def run(config: MicrostructuresConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Draw the images; columns ``image`` (packed bits) and ``parameters`` (mean, std, fraction)."""
    count = config.microstructures.count
    parts: dict[range, tuple[np.ndarray, np.ndarray]] = {}

    def collect(indices: range, drawn: tuple[np.ndarray, np.ndarray]) -> None:
        parts[indices] = drawn
        context.progress(sum(map(len, parts)), count, message="images")

    units = [range(first, min(first + IMAGES_PER_UNIT, count)) for first in range(0, count, IMAGES_PER_UNIT)]
    context.fan_out(units, partial(draw, config), collect)
    images, parameters = (np.concatenate([parts[unit][column] for unit in units]) for column in (0, 1))
    DesignSet({"image": images, "parameters": parameters}).save(context.folder)


def draw(config: MicrostructuresConfig, indices: range) -> tuple[np.ndarray, np.ndarray]:
    """Packed images of these indices, and their parameters (n, 3); runs on a worker."""
    from ganmdn.microstructures import draw_microstructures

    seed = seed_for(config.seed, "microstructures")
    images, parameters = draw_microstructures(config.image_px, ranges_of(config.microstructures), seed, indices)
    return pack_images(images), parameters


def ranges_of(fields: Microstructures) -> MicrostructureRanges:
    """The spec's ranges as ``ganmdn`` takes them."""
    from ganmdn.microstructures import MicrostructureRanges

    return MicrostructureRanges(
        frequency_mean_per_px=(fields.frequency_mean_per_px.low, fields.frequency_mean_per_px.high),
        frequency_std_per_px=(fields.frequency_std_per_px.low, fields.frequency_std_per_px.high),
        volume_fraction=(fields.volume_fraction.low, fields.volume_fraction.high),
    )


class MicrostructuresKind(StageKind[MicrostructuresConfig]):
    """One set of images for a generator that is trained."""

    name = "microstructures"
    schema_version = 1

    def stages(self, spec: Spec) -> Iterator[Stage[MicrostructuresConfig]]:
        """One, if the spec trains a generator."""
        generator = spec.generator
        if isinstance(generator, TrainedGenerator):
            yield Stage(
                self,
                MicrostructuresConfig(
                    seed=spec.seed, image_px=generator.image_px, microstructures=generator.microstructures
                ),
            )

    def cores(self, config: MicrostructuresConfig) -> None:
        """All."""

    def footprint(self, config: MicrostructuresConfig) -> Footprint:
        """The images."""
        return images_footprint(config.microstructures.count, config.image_px)

    def report(self, stages: Sequence[Stage[MicrostructuresConfig]], results: StageResults) -> Iterator[object]:
        """The images, for their morphology."""
        from results.figures.morphology import STATISTICS_IMAGES, ImageSet

        for stage in stages:
            images = DesignSet.open(results.folder(stage.name)).rows(slice(STATISTICS_IMAGES))["image"]
            yield ImageSet("microstructures", images)
