"""What every profile says, whatever it runs on."""

from __future__ import annotations

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
