"""What stages leave on disk: bytes and files, told before they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaign.plan.kind import Stage

BLOCK_BYTES = 4096  # the least that a file or a folder takes
ROW_BYTES = 200  # numbers and indices of one simulation; its image apart
ARRAYS, ARRAYS_WRITTEN = 19, 13  # of a store; those for failures have no shards where nothing fails
LATENT_BYTES = 4 * 16
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


def footprint(stages: Iterable[Stage[Any]], rows_per_unit: Callable[[Stage[Any]], int]) -> Footprint:
    """Room for the results of ``stages``; ``rows_per_unit`` simulations of one share a file of each array."""
    return sum((_of_stage(stage, rows_per_unit(stage)) for stage in stages), Footprint())


def _of_stage(stage: Stage[Any], rows_per_unit: int) -> Footprint:
    own = stage.descriptor.footprint(stage.config)
    if stage.simulations:
        files = ARRAYS + ARRAYS_WRITTEN * ceil(stage.simulations / rows_per_unit)
        row = _image_bytes(stage.config.image_px) + ROW_BYTES
        own += Footprint(stage.simulations * row + files * BLOCK_BYTES, files)
    return own + Footprint(BLOCK_BYTES, 1)  # the stage's record


def images_footprint(rows: int, image_px: int) -> Footprint:
    """Room for packed images with their latents."""
    return Footprint(rows * (_image_bytes(image_px) + LATENT_BYTES) + 3 * BLOCK_BYTES, 3)


def _image_bytes(image_px: int) -> int:
    return image_px**2 // 8
