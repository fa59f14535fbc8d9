"""Latent vectors drawn from the prior, and the images that the generator makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.seeds import seed_for
from campaign.work.context import StageContext
from ganmdn.latents import draw_latents
from ganmdn.networks import generate_images, load_generator
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Draw ``config["count"]`` latents; columns ``z`` and ``image`` (packed bits)."""
    low, high = config["distribution"]["low"], config["distribution"]["high"]
    seed = seed_for(config["seed"], "latents", config["dataset"])
    z = draw_latents(tuple(config["latent"]), low, high, seed, range(config["count"]))
    packed = context.task(generate_packed, inputs["generator"] / WEIGHTS_FILE, z)
    DesignSet({"z": z, "image": packed}).save(context.folder)


def generate_packed(weights: Path, z: np.ndarray) -> np.ndarray:
    """Images of latents ``z`` (n, h, w) as packed bits."""
    return pack_images(generate_images(load_generator(weights), z))
