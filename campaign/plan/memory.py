"""Memory that a stage takes: as its like took before, else matrices of the solver, by its diffraction orders."""

from __future__ import annotations

from math import ceil, pi
from typing import Any

from campaign.cache.stage_cache import RecordIndex
from campaign.doctor.machine import WORKER_MEMORY
from campaign.plan.cost import IN_PROCESS_FACT, but_seed
from campaign.plan.kind import Stage
from campaign.plan.pipeline import Pipeline
from campaign.spec.physics import Physics
from campaign.spec.solves import is_quickly_solved

COMPLEX_BYTES = 16
# Matrices (2 N, 2 N) for N harmonics that one solve holds at most: for one pattern layer, and for each further one.
# Measured by peak memory at 169 to 729 harmonics.
MATRICES = {"transfer": (20.5, 11.0), "eigen": (20.5, 4.0), "preconditioned": (3.7, 0.0)}


PEAK_FACT = "peak_bytes"  # of a stage's record: the most memory that one of its processes held


def process_bytes(stage: Stage[Any], pipeline: Pipeline, index: RecordIndex) -> tuple[int, bool]:
    """Memory of the largest process of a stage, and whether it was measured on the same stage before; 0 if unknown.

    Otherwise it is a worker with the solver's matrices, or what the largest stage of its kind took.
    """
    told = [record for record in index.records(stage.kind) if PEAK_FACT in record.facts]
    apart = [record for record in told if not record.facts.get(IN_PROCESS_FACT)]  # the driver has all else in it
    told = apart if stage.simulations else apart or told  # a simulation is better known than a driver that ran it
    config = but_seed(pipeline.parts[stage.name].config)
    same = [record.facts[PEAK_FACT] for record in told if but_seed(record.config) == config]
    if same:
        return max(same), True
    if stage.simulations and isinstance(physics := pipeline.spec.physics, Physics):
        orders = stage.config.physics.numerics.orders
        return int(WORKER_MEMORY) + simulation_bytes(physics, stage.config.image_px, orders), False
    return max((record.facts[PEAK_FACT] for record in told), default=0), False


def simulation_bytes(physics: Physics, image_px: int, orders: int) -> int:
    """Memory that one simulation of an image takes, with so many orders."""
    harmonics = ceil(pi * orders**2) if physics.numerics.truncation == "circular" else (2 * orders + 1) ** 2
    solver = physics.numerics.solver
    if solver == "auto":
        solver = "preconditioned" if is_quickly_solved(physics, image_px, orders) else "transfer"
    patterns = sum(layer.kind == "pattern" for layer in physics.layers)
    first, further = MATRICES[solver]
    return int((first + further * (patterns - 1)) * COMPLEX_BYTES * (2 * harmonics) ** 2)
