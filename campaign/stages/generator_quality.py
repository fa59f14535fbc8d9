"""What a generator learnt, data set by data set: its images beside microstructures held out from its training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from campaign.plan.finished import StageResults
from campaign.spec.generator import Microstructures, TrainedGenerator
from campaign.stages.microstructures import ranges_of
from campaign.stages.seeds import seed_for
from results.designs.design_set import DesignSet

if TYPE_CHECKING:
    from ganmdn.generator_quality import GeneratorQuality
    from results.report import DataTable
    from results.table.generator import JudgedGenerator

MOST_IMAGES = 300  # of a set that is compared
MOST_SETS = 5  # whose mean is told: some seconds for images of 96 pixels
COLUMNS = {
    "volume_fraction": "volume fraction",
    "two_point_correlation": "two-point correlation",
    "spectral_density": "spectral density",
    "lineal_path": "lineal path",
}
CAPTION = (
    "Distances between generated images and microstructures held out from the training: of volume fraction "
    "Kolmogorov-Smirnov, of curves Wasserstein-1 in standard deviations; in brackets as multiples of the floor, the "
    "distance between two held-out sets as large. Similarity: share of pixels in which two images agree, over that of "
    "microstructures. All are means over so many sets of so many images. Images of one's own are those that were "
    "trained on."
)


def judged_datasets(results: StageResults) -> Iterator[JudgedGenerator]:
    """A trained generator's images of each data set beside held-out microstructures, where there are enough."""
    spec = results.spec
    assert isinstance(spec.generator, TrainedGenerator)
    for dataset in spec.datasets:
        latents = DesignSet.open(results.folder(f"latents/{dataset}"))
        if len(latents) < 2:
            continue
        images, wanted = latents.rows(slice(MOST_SETS * MOST_IMAGES))["image"], spec.generator.microstructures
        if isinstance(wanted, Microstructures):
            yield judged(dataset, judge(images, wanted, spec.seed))
        elif quality := judge_beside(images, DesignSet.open(results.folder("microstructures")).images):
            yield judged(dataset, quality)


def judge_beside(generated: np.ndarray, images: np.ndarray) -> GeneratorQuality | None:
    """As ``judge``, beside images of one's own (m, h, w), which were trained on: none can be held out of so few.

    They are cut to the size of the generated ones. None where they are smaller, or fewer than four.
    """
    from ganmdn.generator_quality import judge_generator

    px, count = generated.shape[-1], min(len(generated), len(images) // 2, MOST_IMAGES)
    if images.shape[-1] < px or count < 2:
        return None
    return judge_generator(generated[:count], images[: 2 * count, :px, :px])


def judge(generated: np.ndarray, microstructures: Microstructures, seed: int) -> GeneratorQuality:
    """How far generated images (n, H, W) are from microstructures of their size, of which twice as many are drawn."""
    from ganmdn.generator_quality import judge_generator
    from ganmdn.microstructures import draw_microstructures

    sets = min(max(1, len(generated) // MOST_IMAGES), MOST_SETS)
    compared = generated[: sets * MOST_IMAGES]
    drawn = range(2 * len(compared))
    held_out, _ = draw_microstructures(
        generated.shape[-1], ranges_of(microstructures), seed_for(seed, "microstructures", "held out"), drawn
    )
    return judge_generator(compared, held_out, sets)


def judged(dataset: str, quality: GeneratorQuality) -> JudgedGenerator:
    """The judgement of one data set, for tables."""
    from results.table.generator import JudgedGenerator

    similarity = quality.similarity / quality.held_out_similarity
    return JudgedGenerator(dataset, quality.images, quality.sets, quality.distance, quality.floor, similarity)


def quality_table(generators: Sequence[JudgedGenerator]) -> DataTable:
    """The judgements by data set, for the report."""
    from results.report import DataTable

    rows = tuple((each.dataset, *_cells(each)) for each in generators)
    return DataTable(("data set", "sets", "images", *COLUMNS.values(), "similarity"), rows, CAPTION, "microstructures")


def _cells(generator: JudgedGenerator) -> tuple[str, ...]:
    distances = (_beside_floor(generator.distance[name], generator.floor[name]) for name in COLUMNS)
    return (str(generator.sets), str(generator.images), *distances, f"{generator.similarity:.3f}")


def _beside_floor(distance: float, floor: float) -> str:
    return f"{distance:.3f} ({distance / floor:.1f})" if floor > 0 else f"{distance:.3f}"
