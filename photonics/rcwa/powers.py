"""Power fractions of one image, and the check that they can be powers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from photonics.rcwa.numerics import SolverError

# Rounding may push a fraction outside [0, 1] or unbalance the sum by this much; more is a failed solution.
BALANCE_TOLERANCE = 1e-6


class Powers(NamedTuple):
    """Fractions of the incident power for s and p light: reflection (2,), transmission (2,), absorption (2, layers)."""

    reflection: np.ndarray
    transmission: np.ndarray
    layer_absorption: np.ndarray


def check_powers(powers: Powers) -> None:
    """Raise SolverError unless the fractions are finite, lie in [0, 1] and add up to 1.

    Under Laurent's rule this holds at any truncation for media with Im n >= 0, so breaking it means that the linear
    algebra failed.
    """
    fractions = np.concatenate([powers.reflection[:, None], powers.transmission[:, None], powers.layer_absorption], 1)
    if not np.isfinite(fractions).all():
        raise SolverError("the solution is not finite; change the thickness or the wavelength by a little")
    excess = max(-fractions.min(), fractions.max() - 1, np.abs(fractions.sum(axis=1) - 1).max())
    if excess > BALANCE_TOLERANCE:
        raise SolverError(
            f"reflection, transmission and absorption must be fractions that add up to 1, but they miss it by "
            f"{excess:.2g}; the stack is at a resonance: change the thickness or the wavelength by a little"
        )
