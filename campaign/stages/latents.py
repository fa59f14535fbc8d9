"""Latent vectors drawn from the prior, and the images that the generator makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import DataSetConfig
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Count, Seed
from campaign.spec.campaign import Spec
from campaign.spec.generator import Latent
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.seeds import seed_for
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images

if TYPE_CHECKING:
    from campaign.work.context import StageContext


class LatentsConfig(DataSetConfig):
    """How many latents are drawn, and from what."""

    seed: Seed
    count: Count
    distribution: Latent


def run(config: LatentsConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Draw the latents; columns ``z`` and ``image`` (packed bits)."""
    from ganmdn.latents import draw_latents

    distribution, seed = config.distribution, seed_for(config.seed, "latents", config.dataset)
    z = draw_latents(config.latent, distribution.low, distribution.high, seed, range(config.count))
    packed = context.task(generate_packed, inputs["generator"] / WEIGHTS_FILE, z)
    DesignSet({"z": z, "image": packed}).save(context.folder)


def generate_packed(weights: Path, z: np.ndarray) -> np.ndarray:
    """Images of latents ``z`` (n, h, w) as packed bits; runs on a worker."""
    from ganmdn.networks import generate_images, load_generator

    return pack_images(generate_images(load_generator(weights), z))


class LatentsKind(StageKind[LatentsConfig]):
    """The latents that are to be labelled, data set by data set."""

    name = "latents"
    schema_version = 2
    seconds_per_work = 3.0e-7  # a generated pixel

    def stages(self, spec: Spec) -> Iterator[Stage[LatentsConfig]]:
        """One a data set."""
        for dataset in spec.datasets:
            config = LatentsConfig.make(
                spec, dataset, seed=spec.seed, count=spec.labels.of_prior, distribution=spec.latent
            )
            yield Stage(self, config, dataset, inputs={"generator": "generator"})

    def work(self, config: LatentsConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Pixels that are generated."""
        return config.count * config.image_px**2

    def footprint(self, config: LatentsConfig) -> Footprint:
        """Latents and images."""
        return images_footprint(config.count, config.image_px)
