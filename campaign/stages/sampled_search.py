"""Search by sampling alone: latents at random or of a Sobol sequence, all simulated, for all targets of a data set."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.plan.config import searches
from campaign.plan.finished import StageResults, StageRows
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.plan.repeats import repeats_of
from campaign.plan.search_stage import search_stage
from campaign.spec.campaign import Spec
from campaign.spec.methods import RandomSearchBlock, SobolSearchBlock
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.latents import generate_packed
from campaign.stages.search_trials import STORE, SearchConfig
from campaign.stages.seeds import seed_for
from campaign.stages.simulator import Simulator
from results.designs.design_set import DesignSet

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.targets import Target

SAMPLES_FOLDER = "samples"


class SampledSearchConfig(SearchConfig):
    """One search, whose latents come of the sampler that ``kind`` names."""

    kind: str


def run(config: SampledSearchConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Draw the latents into ``samples/`` and simulate their images into ``trials.zarr``, on all workers."""
    from campaign.work.simulations import simulate_designs
    from results.files import atomic_folder
    from results.stores.store import SimulationStore

    samples = context.folder / SAMPLES_FOLDER
    if not samples.is_dir():
        columns = context.task(draw, config, inputs["generator"] / WEIGHTS_FILE)
        with atomic_folder(samples) as folder:
            DesignSet(columns).save(folder)
    simulate_designs(Simulator.from_config(config.physics), config.physics, samples, STORE, context)
    columns = SimulationStore.open(context.folder / STORE).read("seconds", "suggestion_seconds")
    context.facts["search_seconds"] = float(np.sum(columns["seconds"]) + np.sum(columns["suggestion_seconds"]))


def draw(config: SampledSearchConfig, weights: Path) -> dict[str, np.ndarray]:
    """Columns ``z``, ``image`` (packed) and ``suggestion_seconds`` of all iterations; runs on a worker."""
    from ganmdn.latents import draw_latents
    from ganmdn.sobol import sobol_latents

    started, box = time.perf_counter(), config.distribution
    seed = seed_for(config.seed, config.kind, config.dataset)
    if config.kind == "sobol-search":
        z = sobol_latents(config.latent, box.low, box.high, seed, config.iterations)
    else:
        z = draw_latents(config.latent, box.low, box.high, seed, range(config.iterations))
    seconds = (time.perf_counter() - started) / config.iterations
    suggestion_seconds = np.full(config.iterations, seconds)
    return {"z": z, "image": generate_packed(weights, z), "suggestion_seconds": suggestion_seconds}


class SampledSearchKind(StageKind[SampledSearchConfig]):
    """One search a sampler and data set: the best simulation for each target is its design."""

    name = "sampled_search"
    schema_version = 2
    store = STORE

    def stages(self, spec: Spec) -> Iterator[Stage[SampledSearchConfig]]:
        """One a repeat of a search and data set."""
        for dataset in spec.datasets:
            for method in searches(spec, dataset, RandomSearchBlock, SobolSearchBlock):
                for repeat in repeats_of(spec, method):
                    kind = method.kind
                    yield search_stage(self, SampledSearchConfig, spec, dataset, method, repeat, kind=kind)

    def cores(self, config: SampledSearchConfig) -> None:
        """All."""

    def footprint(self, config: SampledSearchConfig) -> Footprint:
        """Latents and images."""
        return images_footprint(config.iterations, config.image_px)

    def rows_behind(
        self, stage: Stage[SampledSearchConfig], results: StageResults
    ) -> Iterator[tuple[Target, tuple[StageRows, ...]]]:
        """Starting pairs and all simulations of the search."""
        from campaign.stages.search_report import rows_behind

        yield from rows_behind(stage, results.spec.targets)

    def report(self, stages: Sequence[Stage[SampledSearchConfig]], results: StageResults) -> Iterator[object]:
        """Rows of the table, the best designs, and how every search went."""
        from campaign.stages.search_report import search_pieces

        yield from search_pieces(stages, results, lambda _: results.spec.targets, STORE)
