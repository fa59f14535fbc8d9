"""What comes out: reflected, transmitted and absorbed fractions of the incident power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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

    ``reflection`` and ``transmission`` have shape (B, 2), polarisation s then p, summed over all diffraction orders;
    ``layer_absorption`` has shape (B, 2, layers), layers from top to bottom. Transmission is the power that crosses
    into the substrate, absorbing or not. Raises ValueError if the shapes do not fit together.
    """

    reflection: np.ndarray
    transmission: np.ndarray
    layer_absorption: np.ndarray

    def __post_init__(self) -> None:
        shape = self.reflection.shape
        fits = len(shape) == 2 and shape[1] == 2 and self.transmission.shape == shape
        if not (fits and self.layer_absorption.ndim == 3 and self.layer_absorption.shape[:2] == shape):
            raise ValueError(
                f"reflection, transmission and layer_absorption must have shapes (B, 2), (B, 2) and (B, 2, layers), "
                f"got {shape}, {self.transmission.shape} and {self.layer_absorption.shape}"
            )

    @property
    def absorption(self) -> np.ndarray:
        """Absorbed fraction 1 - R - T, (B, 2)."""
        return _absorption(self.reflection, self.transmission)

    def unpolarised(self) -> Unpolarised:
        """Mean over the two polarisations."""
        return Unpolarised(
            self.reflection.mean(axis=1), self.transmission.mean(axis=1), self.layer_absorption.mean(axis=1)
        )
