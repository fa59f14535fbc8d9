"""What stages leave on disk: bytes and files, told before they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from campaign.plan.pipeline import Stage

BLOCK_BYTES = 4096  # the least that a file or a folder takes
ROW_BYTES = 200  # numbers and indices of one simulation; its image apart
ARRAYS, ARRAYS_WRITTEN = 19, 13  # of a store; those for failures have no shards where nothing fails
TRAINING_BYTES, TRAINING_FILES = 30 * 2**20, 30  # two checkpoints of GAN and optimisers, and their index
GENERATOR_BYTES, GENERATOR_FILES = 5 * 2**20, 5
REPORT_BYTES, REPORT_FILES = 10 * 2**20, 40  # tables, figures, report, log
SOURCE_BYTES, SOURCE_FILES = 6 * 2**20, 450  # the run's copy of the code, and what Python compiles of it


@dataclass(frozen=True)
class Footprint:
    """Room that something takes at its largest."""

    size: int = 0
    files: int = 0

    def __add__(self, other: Footprint) -> Footprint:
        return Footprint(self.size + other.size, self.files + other.files)


RUN = Footprint(REPORT_BYTES + SOURCE_BYTES, REPORT_FILES + SOURCE_FILES)
"""What a run's own folder takes."""


def footprint(stages: Iterable[Stage], rows_per_unit: Callable[[Stage], int]) -> Footprint:
    """Room for the results of ``stages``; ``rows_per_unit`` simulations of one share a file of each array."""
    return sum((_of_stage(stage, rows_per_unit(stage)) for stage in stages), Footprint())


def _of_stage(stage: Stage, rows_per_unit: int) -> Footprint:
    own = _OTHER.get(stage.kind, lambda config: Footprint())(stage.config)
    rows = stage.simulations
    if rows:
        units = ceil(rows / stage.config.get("batch", rows_per_unit))
        files = ARRAYS + ARRAYS_WRITTEN * units
        own += Footprint(rows * (stage.config["image_px"] ** 2 // 8 + ROW_BYTES) + files * BLOCK_BYTES, files)
    return own + Footprint(BLOCK_BYTES, 1)  # the stage's record


def _images(config: Mapping[str, Any]) -> Footprint:
    rows = config["count"] if "count" in config else len(config["targets"]) * config["designs_per_target"]
    return Footprint(rows * (config["image_px"] ** 2 // 8 + 4 * 16) + 3 * BLOCK_BYTES, 3)


def _generator(config: Mapping[str, Any]) -> Footprint:
    weights = Footprint(GENERATOR_BYTES, GENERATOR_FILES)
    return weights + Footprint(TRAINING_BYTES, TRAINING_FILES) if config["kind"] == "train" else weights


def _model(config: Mapping[str, Any]) -> Footprint:
    """A mixture density network's heads hold nearly all of its weights; PCA keeps its components beside them."""
    mdn = config.get("mdn")
    if mdn is None:
        return Footprint(2**20, 2)
    latent, pixels = config["latent"][0] * config["latent"][1], config["image_px"] ** 2
    outputs = pixels if config["kind"] == "direct-mdn" else latent
    weights = 4 * (mdn["width"] + 1) * mdn["components"] * (2 * outputs + 1)
    components = 4 * pixels * (latent + 2) if config["kind"] == "pca-mdn" else 0
    return Footprint(weights + components + 2**16, 4)


def _tuning(config: Mapping[str, Any]) -> Footprint:
    trials = config["tune"]["trials"]
    return Footprint((trials + 2) * BLOCK_BYTES, trials + 2)


_OTHER: Mapping[str, Callable[[Mapping[str, Any]], Footprint]] = {
    "microstructures": _images,
    "generator": _generator,
    "latents": _images,
    "designs": _images,
    "model": _model,
    "tuning": _tuning,
}
