"""The optical property of every design, by RCWA: what the paper's Table 1 judges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from campaign.stages.simulator import Simulator
from campaign.work.context import StageContext
from campaign.work.simulations import simulate_designs

STORE = "designs.zarr"


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Simulate the designs into ``designs.zarr``, which keeps each design's target."""
    simulate_designs(Simulator.from_config(config["physics"]), config, inputs["designs"] / "designs", STORE, context)
