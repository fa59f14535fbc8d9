"""Memory that a simulation takes, known before it runs: matrices of the solver, by its diffraction orders."""

from __future__ import annotations

from math import ceil, pi

from campaign.spec.physics import Physics
from campaign.spec.solves import is_quickly_solved

COMPLEX_BYTES = 16
# Matrices (2 N, 2 N) for N harmonics that one solve holds at most: for one pattern layer, and for each further one.
# Measured by peak memory at 169 to 729 harmonics.
MATRICES = {"transfer": (20.5, 11.0), "eigen": (20.5, 4.0), "preconditioned": (3.7, 0.0)}


def simulation_bytes(physics: Physics, image_px: int, orders: int) -> int:
    """Memory that one simulation of an image takes, with so many orders."""
    harmonics = ceil(pi * orders**2) if physics.numerics.truncation == "circular" else (2 * orders + 1) ** 2
    solver = physics.numerics.solver
    if solver == "auto":
        solver = "preconditioned" if is_quickly_solved(physics, image_px, orders) else "transfer"
    patterns = sum(layer.kind == "pattern" for layer in physics.layers)
    first, further = MATRICES[solver]
    return int((first + further * (patterns - 1)) * COMPLEX_BYTES * (2 * harmonics) ** 2)
