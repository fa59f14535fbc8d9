"""Training images: Gaussian random fields, drawn by index so that any worker draws the same image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from campaign.stages.seeds import seed_for
from campaign.work.context import StageContext
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images

IMAGES_PER_UNIT = 256


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Draw ``config["count"]`` images; columns ``image`` (packed bits) and ``parameters`` (mean, std, fraction)."""
    count = config["count"]
    parts: dict[range, tuple[np.ndarray, np.ndarray]] = {}

    def collect(indices: range, drawn: tuple[np.ndarray, np.ndarray]) -> None:
        parts[indices] = drawn
        context.progress(sum(map(len, parts)), count, message="images")

    units = [range(first, min(first + IMAGES_PER_UNIT, count)) for first in range(0, count, IMAGES_PER_UNIT)]
    context.fan_out(units, _Draw(dict(config)), collect)
    images, parameters = (np.concatenate([parts[unit][column] for unit in units]) for column in (0, 1))
    DesignSet({"image": images, "parameters": parameters}).save(context.folder)


class _Draw:
    """Draws one range of images; picklable for the workers."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    def __call__(self, indices: range) -> tuple[np.ndarray, np.ndarray]:
        config = self.config
        names = ("frequency_mean_per_px", "frequency_std_per_px", "volume_fraction")
        ranges = MicrostructureRanges(**{name: (config[name]["low"], config[name]["high"]) for name in names})
        seed = seed_for(config["seed"], "microstructures")
        images, parameters = draw_microstructures(config["image_px"], ranges, seed, indices)
        return pack_images(images), parameters
