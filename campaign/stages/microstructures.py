"""Training images: Gaussian random fields, drawn by index so that any worker draws the same image; or one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.plan.finished import StageResults
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Count, Model, Seed
from campaign.spec.campaign import Spec
from campaign.spec.generator import ImagePreparation, Microstructures, OwnImages, TrainedGenerator
from campaign.spec.problems import Violation
from campaign.stages.seeds import seed_for
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.files import write_json

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.microstructures import MicrostructureRanges
    from results.images.two_phases import PreparedImages

IMAGES_PER_UNIT = 256
PREPARATION_FILE = "preparation.json"  # what was done for images of one's own


class MicrostructuresConfig(Model):
    """Which images are drawn."""

    seed: Seed
    image_px: Count
    microstructures: Microstructures


class OwnImagesConfig(Model):
    """What becomes of images that are read; they count by content, so that their path is left out."""

    image_px: Count
    preparation: ImagePreparation


def run(config: MicrostructuresConfig | OwnImagesConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the images as column ``image`` (packed bits).

    Of those that are drawn also ``parameters`` (mean, std, fraction); of one's own ``preparation.json``.
    """
    if isinstance(config, OwnImagesConfig):
        prepared = context.task(prepare_images, inputs["images"], config.preparation, config.image_px)
        columns = {"image": pack_images(prepared.images), "source_image": np.array(prepared.names)}
        DesignSet(columns).save(context.folder)
        write_json(context.folder / PREPARATION_FILE, asdict(prepared.facts))
        return
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


def prepare_images(
    path: Path, wanted: ImagePreparation, image_px: int, *, allow_one_phase: bool = False
) -> PreparedImages:
    """Images of one's own as microstructures; see ``two_phases``."""
    from results.images.image_files import read_images
    from results.images.two_phases import Preparation, two_phases

    how = Preparation(wanted.fit, wanted.threshold, wanted.white)
    return two_phases(read_images(path, wanted.array), image_px, how, allow_one_phase=allow_one_phase)


def image_violations(spec: Spec) -> Iterator[Violation]:
    """What is wrong with the images that a spec names, before anything is run."""
    from results.images.image_files import ImageError

    generator = spec.generator
    if not isinstance(generator, TrainedGenerator) or not isinstance(generator.microstructures, OwnImages):
        return
    own = generator.microstructures
    try:
        images = prepare_images(own.path, own, generator.image_px).images
    except ImageError as error:
        yield Violation(("generator", "microstructures", "path"), error.rule, error.fix)
    except OSError as error:
        yield Violation(("generator", "microstructures", "path"), "must be readable", error.strerror or str(error))
    else:
        for each in generator.count_violations(len(images)):
            yield replace(each, at=("generator", *each.at))


def ranges_of(fields: Microstructures) -> MicrostructureRanges:
    """The spec's ranges as ``ganmdn`` takes them."""
    from ganmdn.microstructures import MicrostructureRanges

    return MicrostructureRanges(
        frequency_mean_per_px=(fields.frequency_mean_per_px.low, fields.frequency_mean_per_px.high),
        frequency_std_per_px=(fields.frequency_std_per_px.low, fields.frequency_std_per_px.high),
        volume_fraction=(fields.volume_fraction.low, fields.volume_fraction.high),
    )


class MicrostructuresKind(StageKind[MicrostructuresConfig | OwnImagesConfig]):
    """One set of images for a generator that is trained."""

    name = "microstructures"
    schema_version = 1

    def stages(self, spec: Spec) -> Iterator[Stage[MicrostructuresConfig | OwnImagesConfig]]:
        """One, if the spec trains a generator."""
        generator = spec.generator
        if not isinstance(generator, TrainedGenerator):
            return
        wanted = generator.microstructures
        if isinstance(wanted, OwnImages):
            preparation = ImagePreparation(**{name: getattr(wanted, name) for name in ImagePreparation.model_fields})
            config = OwnImagesConfig(image_px=generator.image_px, preparation=preparation)
            yield Stage(self, config, files={"images": wanted.path})
        else:
            drawn = MicrostructuresConfig(seed=spec.seed, image_px=generator.image_px, microstructures=wanted)
            yield Stage(self, drawn)

    def cores(self, config: MicrostructuresConfig | OwnImagesConfig) -> int | None:
        """All, to draw."""
        return 1 if isinstance(config, OwnImagesConfig) else None

    def footprint(self, config: MicrostructuresConfig | OwnImagesConfig) -> Footprint:
        """The images; of one's own no more than the files that they are read from."""
        if isinstance(config, OwnImagesConfig):
            return Footprint()
        return images_footprint(config.microstructures.count, config.image_px)

    def report(
        self, stages: Sequence[Stage[MicrostructuresConfig | OwnImagesConfig]], results: StageResults
    ) -> Iterator[object]:
        """The images, for their morphology, and what was done for those of one's own."""
        from results.figures.morphology import STATISTICS_IMAGES, ImageSet
        from results.images.two_phases import PreparationFacts
        from results.report import DataTable

        for stage in stages:
            images = DesignSet.open(results.folder(stage.name)).rows(slice(STATISTICS_IMAGES))["image"]
            yield ImageSet("microstructures", images)
            if (file := results.folder(stage.name) / PREPARATION_FILE).is_file():
                facts = PreparationFacts(**json.loads(file.read_text(encoding="utf-8")))
                yield DataTable(("images of your own",), ((facts.sentence(),),), "", "microstructures")
