"""Power fractions of one image, the check that they can be powers, and many of them as one solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


# What becomes of one image.
Outcome = Powers | SolverError


class TensorPowers(NamedTuple):
    """The same of B solutions in torch, less the estimate: shapes as in ``Powers`` after an axis of B."""

    reflection: Tensor
    transmission: Tensor
    layer_absorption: Tensor
    reflected_orders: Tensor
    transmitted_orders: Tensor

    def numbers(self, error_estimates: Sequence[float]) -> list[Powers]:
        """The solutions as arrays, with the errors (B,) that their solver estimates, checked by ``check_powers``."""
        arrays = [fraction.cpu().numpy() for fraction in self]
        _check_fractions(arrays[0], arrays[1], arrays[2], np.array(error_estimates))
        return [
            Powers(*(array[i] for array in arrays), error_estimate=error)  # type: ignore[misc]
            for i, error in enumerate(error_estimates)
        ]


def check_powers(powers: Powers) -> None:
    """Raise SolverError unless the fractions are finite, lie in [0, 1] and add up to 1, within their estimated error.

    Under Laurent's rule this holds at any truncation for media with Im n >= 0, so breaking it means that the linear
    algebra failed.
    """
    _check_fractions(powers.reflection, powers.transmission, powers.layer_absorption, np.array(powers.error_estimate))


def _check_fractions(
    reflection: np.ndarray, transmission: np.ndarray, layer_absorption: np.ndarray, error_estimate: np.ndarray
) -> None:
    """``check_powers`` of one image, or of a batch with its axis in front."""
    fractions = np.concatenate([reflection[..., None], transmission[..., None], layer_absorption], axis=-1)
    if not np.isfinite(fractions).all():
        raise SolverError("the solution is not finite; change the thickness or the wavelength by a little")
    outside = np.maximum(-fractions, fractions - 1).max(axis=-1)
    excess = np.maximum(outside, np.abs(fractions.sum(axis=-1) - 1)).max(axis=-1)
    if (excess > BALANCE_TOLERANCE + error_estimate).any():
        raise SolverError(
            f"reflection, transmission and absorption must be fractions that add up to 1, but they miss it by "
            f"{excess.max():.2g}; the stack is at a resonance: change the thickness or the wavelength by a little"
        )


def solve_in_chunks(
    patterns: np.ndarray,
    chunk: int,
    together: Callable[[np.ndarray], list[Powers]],
    alone: Callable[[np.ndarray], Powers],
) -> list[Outcome]:
    """What becomes of every set of images, (B, P, H, W), solved ``chunk`` at a time.

    One image that fails takes its whole chunk with it, by a SolverError. Those images are solved again one by one, so
    that a failure is that of its image.
    """

    def one(images: np.ndarray) -> Outcome:
        try:
            return alone(images)
        except SolverError as error:
            return error

    found: list[Outcome] = []
    for start in range(0, len(patterns), chunk):
        part = patterns[start : start + chunk]
        try:
            found += together(part)
        except SolverError:
            found += map(one, part)
    return found


def gather(outcomes: Sequence[Outcome], layers: int, orders: np.ndarray) -> Solution:
    """What became of B images as one solution, for a stack of so many layers and the diffraction orders (N, 2).

    Numbers of an image that failed are NaN.
    """
    B, N = len(outcomes), len(orders)
    failures = {position: str(each) for position, each in enumerate(outcomes) if isinstance(each, SolverError)}
    nan = np.full((2, max(N, layers)), np.nan)
    nothing = Powers(nan[:, 0], nan[:, 0], nan[:, :layers], nan[:, :N], nan[:, :N], np.nan)
    powers = [nothing if isinstance(each, SolverError) else each for each in outcomes]
    return Solution(
        np.reshape([p.reflection for p in powers], (B, 2)),
        np.reshape([p.transmission for p in powers], (B, 2)),
        np.reshape([p.layer_absorption for p in powers], (B, 2, layers)),
        orders,
        np.reshape([p.reflected_orders for p in powers], (B, 2, N)),
        np.reshape([p.transmitted_orders for p in powers], (B, 2, N)),
        np.reshape([p.error_estimate for p in powers], (B,)),
        failures,
    )
