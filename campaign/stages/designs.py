"""Designs for each target: one forward pass of the inverse model, which is what the paper's running time counts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import answering, inverse_methods
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.plan.repeats import of_repeat, repeats_of
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import provider_of
from campaign.spec.plugin import InverseModelConfig
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.inverse_methods import method_of, module_of
from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.seeds import seed_for
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.stores.layout import split_columns

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.inverse import Designs, Generate, InverseModel
    from ganmdn.targets import Target

DESIGNS_FOLDER = "designs"


def run(config: DesignsConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the designs of all targets in ``designs/``; see :func:`columns_of`."""
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
        started = time.perf_counter()
        designs.append(model.design(target.plain, config.designs_per_target, design_seed(config, target)))
        seconds[str(target)] = time.perf_counter() - started
    return columns_of(config, designs), seconds


def design_seed(config: DesignsConfig, target: Target) -> np.random.SeedSequence:
    """The random stream of the designs for one target."""
    return seed_for(config.seed, "designs", config.kind, config.dataset, str(target))


def columns_of(config: DesignsConfig, designs: list[Designs]) -> dict[str, np.ndarray]:
    """Columns ``z``, ``image`` (packed), ``target``, ``predicted`` and ``deviation`` from the designs of each target.

    Not-a-number stands where a method has no latents or predicts nothing, and for the deviation of what is known.
    """
    rows = [len(each.images) for each in designs]
    shape = (config.targets[0].size,) if config.targets[0].size > 1 else ()
    predicted, deviation = (
        np.concatenate([_or_nan(getattr(each, name), (len(each.images), *shape)) for each in designs])
        for name in ("predicted", "deviation")
    )
    return {
        "z": np.concatenate([latents_of(config, each) for each in designs]),
        "image": pack_images(np.concatenate([each.images for each in designs])),
        "target": np.repeat(config.cells(), rows),
        **split_columns({"predicted": predicted, "deviation": np.where(deviation > 0, deviation, np.nan)}),
    }


def latents_of(config: DesignsConfig, designs: Designs) -> np.ndarray:
    """Latents of the designs, (n, h, w) float32."""
    if designs.z is not None:
        return designs.z.astype(np.float32)
    return np.full((len(designs.images), *config.latent), np.nan, dtype=np.float32)


def _or_nan(values: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, np.nan) if values is None else values.astype(np.float64)


def load_model(config: DesignsConfig, folder: Path, weights: Path) -> InverseModel:
    """Read a fitted model of any method, with the generator where it needs one."""
    return method_of(config.kind).load(config, folder, partial(load_generate, weights))


def load_generate(weights: Path) -> Generate:
    """The generator, from latents to images."""
    from ganmdn.networks import generate_images, load_generator

    return partial(generate_images, load_generator(weights))


class DesignsKind(StageKind[DesignsConfig]):
    """What a method proposes for the targets."""

    name = "designs"
    schema_version = 4

    def stages(self, spec: Spec) -> Iterator[Stage[DesignsConfig]]:
        """One a data set and repeat of an inverse model whose designs nobody simulates before they are handed over."""
        for dataset in spec.datasets:
            for method in inverse_methods(spec, dataset):
                if method.verify is None:
                    for repeat in repeats_of(spec, method):
                        yield self._stage(spec, dataset, method, repeat)

    def _stage(self, spec: Spec, dataset: str, method: Any, repeat: int) -> Stage[DesignsConfig]:
        return Stage(
            self,
            DesignsConfig.of_method(of_repeat(spec, repeat), dataset, method),
            dataset,
            method.method_name,
            repeat=repeat,
            inputs={"model": answering(spec, method, dataset, repeat), "generator": "generator"},
            providers=(provider_of(method),) if isinstance(method, InverseModelConfig) else (),
            modules=(module_of(method.kind),),
        )

    def footprint(self, config: DesignsConfig) -> Footprint:
        """The images, with their latents and targets."""
        return images_footprint(len(config.targets) * config.designs_per_target, config.image_px) + Footprint(2**14, 2)
