"""What every profile says, whatever it runs on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from campaign.paths import WorkFolder
from campaign.spec import Count, Model


class Execution(Model):
    """How the work is cut, and where finished stages lie."""

    workers: Count | None = Field(default=None, description="worker processes of one thread each; default: all CPUs")
    rows_per_unit: Count = Field(
        default=32, description="simulations in one unit of work, which one worker does and writes at once"
    )
    cache: WorkFolder | None = Field(
        default=None,
        description="folder of finished stages that campaigns share; default: cache in the runs folder",
    )
    use_gpu: bool = Field(
        default=False, description="train the GAN on GPUs, one for each data-parallel worker, with NCCL between them"
    )
    training_placement: Literal["pack", "spread"] = Field(
        default="pack",
        description="data-parallel workers on as few nodes as have room, or on as many; changes no number",
    )
