"""Power fractions of one image, the check that they can be powers, and many of them as one solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from photonics.rcwa.numerics import SolverError
from photonics.solution import Solution

# Rounding may push a fraction outside [0, 1] or unbalance the sum by this much; more is a failed solution.
BALANCE_TOLERANCE = 1e-6


class Powers(NamedTuple):
    """Fractions of the incident power for s and p light, float64.

    reflection (2,), transmission (2,), layer_absorption (2, layers); by diffraction order reflected_orders and
    transmitted_orders (2, N), the latter NaN where the substrate absorbs; and the estimated absolute error of the
    absorbed fraction.
    """

    reflection: np.ndarray
    transmission: np.ndarray
    layer_absorption: np.ndarray
    reflected_orders: np.ndarray
    transmitted_orders: np.ndarray
    error_estimate: float


class TensorPowers(NamedTuple):
    """The same of B solutions in torch, less the estimate: shapes as in ``Powers`` after an axis of B."""

    reflection: Tensor
    transmission: Tensor
    layer_absorption: Tensor
    reflected_orders: Tensor
    transmitted_orders: Tensor

    def numbers(self, error_estimates: Sequence[float]) -> list[Powers]:
        """The solutions as arrays, with the errors that their solver estimates."""
        arrays = [fraction.cpu().numpy() for fraction in self]
        return [
            Powers(*(array[i] for array in arrays), error_estimate=error)  # type: ignore[misc]
            for i, error in enumerate(error_estimates)
        ]


def check_powers(powers: Powers) -> None:
    """Raise SolverError unless the fractions are finite, lie in [0, 1] and add up to 1, within their estimated error.

    Under Laurent's rule this holds at any truncation for media with Im n >= 0, so breaking it means that the linear
    algebra failed.
    """
    fractions = np.concatenate([powers.reflection[:, None], powers.transmission[:, None], powers.layer_absorption], 1)
    if not np.isfinite(fractions).all():
        raise SolverError("the solution is not finite; change the thickness or the wavelength by a little")
    excess = max(-fractions.min(), fractions.max() - 1, np.abs(fractions.sum(axis=1) - 1).max())
    if excess > BALANCE_TOLERANCE + powers.error_estimate:
        raise SolverError(
            f"reflection, transmission and absorption must be fractions that add up to 1, but they miss it by "
            f"{excess:.2g}; the stack is at a resonance: change the thickness or the wavelength by a little"
        )


def gather(powers: Sequence[Powers], layers: int, orders: np.ndarray) -> Solution:
    """The powers of B images as one solution, for a stack of so many layers and the diffraction orders (N, 2)."""
    B, N = len(powers), len(orders)
    return Solution(
        np.reshape([p.reflection for p in powers], (B, 2)),
        np.reshape([p.transmission for p in powers], (B, 2)),
        np.reshape([p.layer_absorption for p in powers], (B, 2, layers)),
        orders,
        np.reshape([p.reflected_orders for p in powers], (B, 2, N)),
        np.reshape([p.transmitted_orders for p in powers], (B, 2, N)),
        np.reshape([p.error_estimate for p in powers], (B,)),
    )
