"""How a simulated property compares with the published one, for any physics and any published data set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from campaign.plan.optics import optics_of
from campaign.spec.physics import Physics


@dataclass(frozen=True)
class Agreement:
    """How a simulated property compares with the published one, over ``n`` pairs; ``failed`` more have no simulation.

    r
        Pearson's correlation coefficient; NaN where one side is constant.
    rmse, bias
        root mean square and mean of simulated - published.
    std_ratio
        standard deviation of the simulated over that of the published.
    """

    r: float
    rmse: float
    bias: float
    std_ratio: float
    n: int
    failed: int

    @classmethod
    def of(cls, simulated: np.ndarray, published: np.ndarray) -> Agreement:
        """Compare arrays (n,); pairs whose simulation is NaN are left out. Raises ValueError if none is left."""
        known = np.isfinite(simulated)
        if not known.any():
            raise ValueError(f"simulated must hold at least one finite value, got none of {len(simulated)}")
        x, y = simulated[known], published[known]
        spread_x, spread_y = x.std(), y.std()
        covariance = np.mean((x - x.mean()) * (y - y.mean()))
        return cls(
            r=float(covariance / (spread_x * spread_y)) if spread_x * spread_y > 0 else math.nan,
            rmse=float(np.sqrt(np.mean((x - y) ** 2))),
            bias=float(np.mean(x - y)),
            std_ratio=float(spread_x / spread_y) if spread_y > 0 else math.nan,
            n=len(x),
            failed=len(simulated) - len(x),
        )


def validate_physics(
    physics: Physics,
    orders: int,
    images: np.ndarray,
    published: np.ndarray,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Agreement:
    """Simulate images (n, H, W) with so many diffraction orders, and compare y with the published one (n,).

    Simulations that fail count in ``failed`` and in nothing else; ValueError if all do, or y is several numbers.
    ``progress(done, total)`` is called after each.
    """
    from campaign.stages.simulator import Simulator

    if len(names := [each.name for each in physics.properties()]) > 1:
        raise ValueError(f"physics.property must be one, as that of published pairs is, got {', '.join(names)}")
    simulator = Simulator.from_config(optics_of(physics, orders, images.shape[-1]))
    rows = []
    for image in images:
        rows.append(simulator.row(image))
        progress(len(rows), len(images))
    if all(row["error_message"] for row in rows):
        raise ValueError(f"no image could be simulated, the first because: {rows[0]['error_message']}")
    return Agreement.of(np.array([row["y"] for row in rows]), published)
