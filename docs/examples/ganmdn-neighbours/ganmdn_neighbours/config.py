"""The blocks of a spec. They are imported whenever a spec is read, so nothing heavy is imported here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from campaign.plugin import InverseModelConfig, OptimizerConfig, SimulatorConfig


class WhiteShare(SimulatorConfig):
    """A property that anyone can check: the share of white pixels, stretched."""

    kind: Literal["white-share"]
    gain: Annotated[float, Field(gt=0)] = 1.0
    offset: float = 0.0

    implementation = "ganmdn_neighbours.simulator:simulator"

    def expected_seconds(self, image_px: int) -> float:
        """A mean is quick."""
        return 1e-5


class NearestNeighbours(InverseModelConfig):
    """Designs are generated between the latents of the labels whose property comes nearest to the target."""

    kind: Literal["nearest-neighbours"]
    neighbours: Annotated[int, Field(ge=1)] = Field(default=4, description="labels to choose two from, for each design")

    implementation = "ganmdn_neighbours.inverse:NeighbourModel"


class LocalSearch(OptimizerConfig):
    """Steps of shrinking size from the best latent so far."""

    kind: Literal["local-search"]
    step: Annotated[float, Field(gt=0, le=1)] = 0.3

    implementation = "ganmdn_neighbours.search:suggest"
