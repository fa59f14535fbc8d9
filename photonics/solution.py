"""What comes out: reflected, transmitted and absorbed fractions of the incident power."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

# Shares of s and p light by what a spec calls the polarisation.
POLARIZATIONS = {"unpolarised": (0.5, 0.5), "s": (1.0, 0.0), "p": (0.0, 1.0)}


def _absorption(reflection: np.ndarray, transmission: np.ndarray) -> np.ndarray:
    return 1 - reflection - transmission


@dataclass(frozen=True)
class Unpolarised:
    """Power fractions of unpolarised light: reflection and transmission (B,), layer_absorption (B, layers)."""

    reflection: np.ndarray
    transmission: np.ndarray
    layer_absorption: np.ndarray

    @property
    def absorption(self) -> np.ndarray:
        """Absorbed fraction 1 - R - T, (B,)."""
        return _absorption(self.reflection, self.transmission)


@dataclass(frozen=True)
class Solution:
    """Power fractions of a batch of B images, float64.

    reflection, transmission
        (B, 2), polarisation s then p, summed over all diffraction orders. Transmission is the power that crosses into
        the substrate, absorbing or not.
    layer_absorption
        (B, 2, layers), layers from top to bottom.
    orders
        int64 (N, 2), the diffraction orders (mx, my) that were kept.
    reflected_orders, transmitted_orders
        (B, 2, N), the efficiency of each order: 0 for one that does not propagate. In a substrate that absorbs, power
        does not split into orders that keep it: there ``transmitted_orders`` is NaN.
    error_estimate
        (B,), estimated absolute error that the linear algebra left in the absorbed fraction; truncation is another
        matter.
    failures
        Why an image has no solution that can be trusted, by its position; its numbers are all NaN then. Empty unless
        failures are kept (``photonics.rcwa.solve``).

    Raises ValueError if the shapes do not fit together.
    """

    reflection: np.ndarray
    transmission: np.ndarray
    layer_absorption: np.ndarray
    orders: np.ndarray
    reflected_orders: np.ndarray
    transmitted_orders: np.ndarray
    error_estimate: np.ndarray
    failures: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.reflection.shape
        fits = len(shape) == 2 and shape[1] == 2 and self.transmission.shape == shape
        if not (fits and self.layer_absorption.ndim == 3 and self.layer_absorption.shape[:2] == shape):
            raise ValueError(
                f"reflection, transmission and layer_absorption must have shapes (B, 2), (B, 2) and (B, 2, layers), "
                f"got {shape}, {self.transmission.shape} and {self.layer_absorption.shape}"
            )
        by_order = (*shape, len(self.orders))
        if self.orders.shape[1:] != (2,) or {self.reflected_orders.shape, self.transmitted_orders.shape} != {by_order}:
            raise ValueError(
                f"orders, reflected_orders and transmitted_orders must have shapes (N, 2), (B, 2, N) and (B, 2, N), "
                f"got {self.orders.shape}, {self.reflected_orders.shape} and {self.transmitted_orders.shape}"
            )
        if self.error_estimate.shape != shape[:1]:
            raise ValueError(f"error_estimate must have shape (B,), got {self.error_estimate.shape}")

    @property
    def absorption(self) -> np.ndarray:
        """Absorbed fraction 1 - R - T, (B, 2)."""
        return _absorption(self.reflection, self.transmission)

    def unpolarised(self) -> Unpolarised:
        """Mean over the two polarisations."""
        return Unpolarised(
            self.reflection.mean(axis=1), self.transmission.mean(axis=1), self.layer_absorption.mean(axis=1)
        )
