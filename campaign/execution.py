"""What every profile says, whatever it runs on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from campaign.paths import WorkFolder
from campaign.spec import NO_TEXT, Count, Model, Positive


class Limits(Model):
    """What a simulation may cost before it is given up; it never changes the numbers of those that end well."""

    simulation_s: Positive = Field(
        default=1800.0, description="seconds after which a simulation is ended and quarantined, at most 10 % later"
    )
    attempts: Count = Field(
        default=3, description="workers that may die over the same work before it is taken apart to find the culprit"
    )
    failed_share: Annotated[float, Field(gt=0, le=1), NO_TEXT] = Field(
        default=0.2, description="share of a store's simulations that may fail before its stage gives up"
    )


class Execution(Model):
    """How the work is cut, and where finished stages lie."""

    workers: Count | None = Field(default=None, description="worker processes of one thread each; default: all CPUs")
    rows_per_unit: Count | None = Field(
        default=None,
        description="simulations in one unit of work, which one worker does and writes at once; default: what suits "
        "their number and their cost",
    )
    cache: WorkFolder | None = Field(
        default=None,
        description="folder of finished stages that campaigns share; default: cache in the runs folder",
    )
    limits: Limits = Field(default=Limits(), description="what a simulation may cost before it is given up")
    use_gpu: bool = Field(
        default=False, description="train the GAN on GPUs, one for each data-parallel worker, with NCCL between them"
    )
    training_placement: Literal["pack", "spread"] = Field(
        default="pack",
        description="data-parallel workers on as few nodes as have room, or on as many; changes no number",
    )
