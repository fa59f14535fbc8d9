"""Designs for each target: one forward pass of the inverse model, which is what the paper's running time counts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.plan.config import DataSetConfig, inverse_methods
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Count, Seed
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import provider_of
from campaign.spec.methods import SamplingName
from campaign.spec.plugin import InverseModelConfig, implementation_of
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.seeds import seed_for
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.inverse import Designs, InverseModel

DESIGNS_FOLDER = "designs"


class DesignsConfig(DataSetConfig):
    """How many designs of which method; ``implementation`` is that of a method of somebody else's package."""

    kind: str
    implementation: str | None = None
    sampling: SamplingName
    seed: Seed
    targets: tuple[float, ...]
    designs_per_target: Count


def run(config: DesignsConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the designs of all targets in ``designs/``: columns ``z``, ``image``, ``target``."""
    weights = inputs["generator"] / WEIGHTS_FILE
    columns, seconds = context.task(design_all, config, inputs["model"], weights)
    DesignSet(columns).save(context.folder / DESIGNS_FOLDER)
    context.facts["design_seconds"] = seconds


def design_all(
    config: DesignsConfig, model_folder: Path, weights: Path
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Designs for every target, and the seconds that each target took, loading excluded; runs on a worker."""
    model = load_model(config, model_folder, weights)
    designs, seconds = [], {}
    for target in config.targets:
        seed = seed_for(config.seed, "designs", config.kind, config.dataset, repr(target))
        started = time.perf_counter()
        designs.append(model.design(target, config.designs_per_target, seed))
        seconds[f"{target:g}"] = time.perf_counter() - started
    columns = {
        "z": np.concatenate([_latents(config, each) for each in designs]),
        "image": pack_images(np.concatenate([each.images for each in designs])),
        "target": np.repeat(np.asarray(config.targets, dtype=np.float64), config.designs_per_target),
    }
    return columns, seconds


def load_model(config: DesignsConfig, folder: Path, weights: Path) -> InverseModel:
    """Read a fitted model of any method, with the generator where it needs one."""
    from ganmdn.direct_mdn import DirectMdn
    from ganmdn.latent_mdn import LatentMdn
    from ganmdn.networks import generate_images, load_generator
    from ganmdn.pca_mdn import PcaMdn

    if config.implementation is not None:
        generate = partial(generate_images, load_generator(weights))
        return implementation_of(config.implementation).load(folder, generate)
    match config.kind:
        case "gan-mdn" | "authors-mdn":
            generate = partial(generate_images, load_generator(weights))
            return LatentMdn.load(folder, config.latent, generate, config.sampling)
        case "pca-mdn":
            return PcaMdn.load(folder)
        case "direct-mdn":
            return DirectMdn.load(folder, (config.image_px, config.image_px))
    raise ValueError(f"kind must be a method with a model of its own, got {config.kind!r}")


def _latents(config: DesignsConfig, designs: Designs) -> np.ndarray:
    """Latents of the designs, (n, h, w) float32; not-a-number for a method that has none."""
    if designs.z is not None:
        return designs.z.astype(np.float32)
    return np.full((len(designs.images), *config.latent), np.nan, dtype=np.float32)


class DesignsKind(StageKind[DesignsConfig]):
    """What a method proposes for the targets."""

    name = "designs"
    schema_version = 2

    def stages(self, spec: Spec) -> Iterator[Stage[DesignsConfig]]:
        """One an inverse model and data set."""
        for dataset in spec.datasets:
            for method in inverse_methods(spec):
                plugged = isinstance(method, InverseModelConfig)
                config = DesignsConfig.make(
                    spec,
                    dataset,
                    kind=method.kind,
                    implementation=method.implementation if plugged else None,
                    sampling=getattr(method, "sampling", "component"),
                    seed=spec.seed,
                    targets=spec.targets,
                    designs_per_target=spec.designs_per_target,
                )
                inputs = {"model": f"model/{method.kind}/{dataset}", "generator": "generator"}
                providers = (provider_of(method),) if plugged else ()
                yield Stage(self, config, dataset, method.kind, inputs=inputs, providers=providers)

    def footprint(self, config: DesignsConfig) -> Footprint:
        """The images, with their latents and targets."""
        return images_footprint(len(config.targets) * config.designs_per_target, config.image_px)
