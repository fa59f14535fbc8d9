"""Designs for each target: one forward pass of the inverse model, which is what the paper's running time counts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from campaign.spec.plugin import implementation_of
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.seeds import seed_for
from campaign.work.context import StageContext
from ganmdn.direct_mdn import DirectMdn
from ganmdn.inverse import Designs, InverseModel
from ganmdn.latent_mdn import LatentMdn
from ganmdn.networks import generate_images, load_generator
from ganmdn.pca_mdn import PcaMdn
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images

DESIGNS_FOLDER = "designs"


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the designs of all targets in ``designs/``: columns ``z``, ``image``, ``target``."""
    weights = inputs["generator"] / WEIGHTS_FILE
    columns, seconds = context.task(design_all, config, inputs["model"], weights)
    DesignSet(columns).save(context.folder / DESIGNS_FOLDER)
    context.facts["design_seconds"] = seconds


def design_all(
    config: Mapping[str, Any], model_folder: Path, weights: Path
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Designs for every target, and the seconds that each target took, loading excluded; runs on a worker."""
    model = load_model(config, model_folder, weights)
    targets, count = config["targets"], config["designs_per_target"]
    designs, seconds = [], {}
    for target in targets:
        seed = seed_for(config["seed"], "designs", config["kind"], config["dataset"], repr(target))
        started = time.perf_counter()
        designs.append(model.design(target, count, seed))
        seconds[f"{target:g}"] = time.perf_counter() - started
    columns = {
        "z": np.concatenate([_latents(config, each) for each in designs]),
        "image": pack_images(np.concatenate([each.images for each in designs])),
        "target": np.repeat(np.asarray(targets, dtype=np.float64), count),
    }
    return columns, seconds


def load_model(config: Mapping[str, Any], folder: Path, weights: Path) -> InverseModel:
    """Read a fitted model of any method, with the generator where it needs one."""
    if "implementation" in config:
        generate = partial(generate_images, load_generator(weights))
        return implementation_of(config["implementation"]).load(folder, generate)
    match config["kind"]:
        case "gan-mdn" | "authors-mdn":
            generate = partial(generate_images, load_generator(weights))
            return LatentMdn.load(folder, tuple(config["latent"]), generate, config["sampling"])
        case "pca-mdn":
            return PcaMdn.load(folder)
        case "direct-mdn":
            return DirectMdn.load(folder, (config["image_px"],) * 2)
    raise ValueError(f"kind must be a method with a model of its own, got {config['kind']!r}")


def _latents(config: Mapping[str, Any], designs: Designs) -> np.ndarray:
    """Latents of the designs, (n, h, w) float32; not-a-number for a method that has none."""
    if designs.z is not None:
        return designs.z.astype(np.float32)
    return np.full((len(designs.images), *config["latent"]), np.nan, dtype=np.float32)
