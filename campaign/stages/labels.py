"""The optical property of every latent sample, by RCWA."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from campaign.stages.simulator import Simulator
from campaign.work.context import StageContext
from campaign.work.simulations import simulate_designs
from results.layout import Status
from results.store import SimulationStore

STORE = "labels.zarr"


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Simulate the latents' images into ``labels.zarr``."""
    simulate_designs(Simulator.from_config(config["physics"]), config, inputs["latents"], STORE, context)


def read_labels(store: Path) -> dict[str, np.ndarray]:
    """``y``, ``z`` and ``image`` of all labels that did not fail."""
    columns = SimulationStore.open(store).read("y", "z", "image", "status")
    done = columns.pop("status") == Status.DONE
    return {name: column[done] for name, column in columns.items()}
