"""The one public entry: a stack and a batch of images in, power fractions out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from photonics.rcwa.grazing import nearby_stacks
from photonics.rcwa.lattice import harmonics
from photonics.rcwa.numerics import COARSEST, Numerics, SolverError
from photonics.rcwa.powers import Outcome, gather
from photonics.rcwa.preconditioned.solver import PreconditionedSolver, why_not
from photonics.rcwa.reference import EigenSolver
from photonics.rcwa.threads import one_blas_thread
from photonics.rcwa.transfer.arithmetic import optical_phase
from photonics.rcwa.transfer.solver import TransferSolver
from photonics.solution import Solution
from photonics.stack import Incidence, Stack

NORMAL_INCIDENCE = Incidence()

# Harmonics at most, optical phase of the pattern at least, accuracy at most.
TRANSFER_IS_QUICKER = ((13, 13.0, 1e-6), (49, 20.0, COARSEST))


class BatchSolver(Protocol):
    """What every solver is: made for one stack, then asked for images."""

    def powers_batch(self, patterns: np.ndarray) -> list[Outcome]:
        """Power fractions of every set of images, (B, P, H, W), one for each patterned layer, or why there are none."""


class AutomaticSolver:
    """The preconditioned solver, and the transfer method where its iterations fail."""

    def __init__(self, stack: Stack, numerics: Numerics, incidence: Incidence) -> None:
        self._quick = PreconditionedSolver(stack, numerics, incidence)
        self._make_sure = lambda: TransferSolver(stack, numerics, incidence)

    @cached_property
    def _sure(self) -> TransferSolver:
        return self._make_sure()

    def powers_batch(self, patterns: np.ndarray) -> list[Outcome]:
        """Power fractions of every image, (B, 1, H, W), or why there are none."""
        outcomes = self._quick.powers_batch(patterns)
        for position, outcome in enumerate(outcomes):
            if isinstance(outcome, SolverError):
                # Which images this happens to is a matter of each alone, so that numbers stay reproducible.
                [outcomes[position]] = self._sure.powers_batch(patterns[position : position + 1])
        return outcomes


def solve(
    stack: Stack,
    images: np.ndarray,
    numerics: Numerics,
    incidence: Incidence = NORMAL_INCIDENCE,
    *,
    device: str = "cpu",
    keep_failures: bool = False,
) -> Solution:
    """Reflection, transmission and absorption of ``stack`` patterned by each of ``images``.

    Where a diffraction order grazes, the solution is the limit from its neighbours; see ``photonics.rcwa.grazing``.

    On the CPU one thread solves the images, some at a time where orders are few: more threads bring little or cost, a
    process on every core is quickest, as campaigns have it (``benchmarks/rcwa_batch.py``).

    Parameters
    ----------
    stack : Stack
        The layers.
    images : numpy.ndarray
        uint8 (B, H, W), each used in every patterned layer, or (B, P, H, W) with one image for each of the P patterned
        layers from top to bottom; 1 is white.
    numerics : Numerics
        Truncation, solver and accuracy.
    incidence : Incidence
        Where the light comes from.
    device : str
        On one other than the CPU the transfer method solves as many images at a time as its memory takes.
    keep_failures : bool
        Whether an image whose solution cannot be trusted becomes NaN, with its message in ``Solution.failures``,
        rather than a SolverError for the whole batch.

    Raises
    ------
    ValueError
        For images that are not square, not uint8, not 0 and 1, or too coarse for the orders; for a stack or device that
        the chosen solver cannot take.
    SolverError
        Unless failures are kept: names the first image, by its position in the batch, whose solution cannot be trusted.
    """
    patterns = _patterns(stack, images, numerics)
    nearby = nearby_stacks(stack, numerics, incidence)
    if nearby is None:
        return _solve_patterns(stack, patterns, numerics, incidence, device, keep_failures)
    parts = [_solve_patterns(each, patterns, numerics, incidence, device, keep_failures) for each in nearby.stacks]
    return nearby.limit(parts)


def _solve_patterns(
    stack: Stack, patterns: np.ndarray, numerics: Numerics, incidence: Incidence, device: str, keep_failures: bool
) -> Solution:
    """``solve`` for checked images (B, P, H, W) and a stack in which no order grazes."""
    with one_blas_thread():
        outcomes = _make_solver(stack, numerics, incidence, device).powers_batch(patterns)
    for position, outcome in enumerate(outcomes):
        if isinstance(outcome, SolverError) and not keep_failures:
            raise SolverError(f"image {position} of {len(patterns)}: {outcome}") from outcome
    orders = np.stack(harmonics(numerics.orders, numerics.truncation), axis=1)
    return gather(outcomes, len(stack.layers), orders)


def solve_spectrum(
    stacks: Sequence[Stack],
    images: np.ndarray,
    numerics: Numerics,
    incidence: Incidence = NORMAL_INCIDENCE,
    *,
    device: str = "cpu",
    keep_failures: bool = False,
) -> tuple[Solution, ...]:
    """``solve`` for every stack, usually one at several wavelengths, with the indices that its materials have there."""
    return tuple(
        solve(stack, images, numerics, incidence, device=device, keep_failures=keep_failures) for stack in stacks
    )


@lru_cache(maxsize=16)
def _make_solver(stack: Stack, numerics: Numerics, incidence: Incidence, device: str) -> BatchSolver:
    if device != "cpu" and numerics.solver not in ("auto", "transfer"):
        raise ValueError(
            f"device must be 'cpu' for solver {numerics.solver!r}, got {device!r}; use solver='auto' or 'transfer'"
        )
    match numerics.solver:
        case "eigen":
            return EigenSolver(stack, numerics, incidence)
        case "preconditioned":
            return PreconditionedSolver(stack, numerics, incidence)
        case "auto" if device == "cpu" and why_not(stack, numerics, incidence) is None:
            if not transfer_is_quicker(stack, numerics):
                return AutomaticSolver(stack, numerics, incidence)
    return TransferSolver(stack, numerics, incidence, device=device)


def is_batch_invariant(stack: Stack, numerics: Numerics, incidence: Incidence) -> bool:
    """Whether an image's numbers on a CPU are the same, bit for bit, whatever batch it is in."""
    return not isinstance(_make_solver(stack, numerics, incidence, "cpu"), TransferSolver)


def transfer_is_quicker(stack: Stack, numerics: Numerics) -> bool:
    """Whether the transfer method is expected to be quicker than the preconditioned solver, for one pattern on a CPU.

    It is for few orders and thick layers, of which long polynomials are many products and a doubling is one
    factorisation. Measured by ``benchmarks/rcwa_crossover.py``.
    """
    count, phase = len(harmonics(numerics.orders, numerics.truncation)[0]), optical_phase(stack)
    return any(
        count <= most and phase >= thick and numerics.accuracy <= accuracy
        for most, thick, accuracy in TRANSFER_IS_QUICKER
    )


def _patterns(stack: Stack, images: np.ndarray, numerics: Numerics) -> np.ndarray:
    """Check ``images`` and give every patterned layer its own: uint8 (B, P, H, W)."""
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise ValueError(f"images must be of dtype uint8, got {images.dtype}; binarise, then use .astype(np.uint8)")
    if images.ndim not in (3, 4) or images.shape[-1] != images.shape[-2] or images.shape[-1] == 0:
        raise ValueError(
            f"images must be square, (B, H, H) or (B, P, H, H), got shape {images.shape}; use image[None] for one"
        )
    if images.ndim == 4 and images.shape[1] != stack.pattern_count:
        raise ValueError(
            f"images must hold one image for each of the {stack.pattern_count} patterned layers, got shape "
            f"{images.shape}; pass (B, H, W) to use one image in all of them"
        )
    if images.size and images.max() > 1:
        raise ValueError(f"images must hold 0 and 1 only, got a value of {images.max()}; use (image > threshold)")
    _require_resolution(images.shape[-1], numerics)
    if images.ndim == 3:
        images = np.repeat(images[:, None], stack.pattern_count, axis=1)
    return images


def _require_resolution(side: int, numerics: Numerics) -> None:
    """A DFT has no more harmonics than samples: differences of orders reach 2 M, so 4 M + 1 samples are needed."""
    if numerics.pixels == "dft" and 4 * numerics.orders + 1 > side:
        raise ValueError(
            f"orders must be at most {(side - 1) // 4} for images of {side} pixels with pixels='dft', got "
            f"{numerics.orders}; use fewer orders, finer images or pixels='exact'"
        )
