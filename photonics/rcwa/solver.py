"""The one public entry: a stack and a batch of images in, power fractions out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from photonics.rcwa.grazing import nearby_stacks
from photonics.rcwa.lattice import harmonics
from photonics.rcwa.numerics import COARSEST, Numerics, SolverError
from photonics.rcwa.powers import Powers, check_powers, gather
from photonics.rcwa.preconditioned.limits import why_not
from photonics.rcwa.preconditioned.solver import PreconditionedSolver
from photonics.rcwa.reference import EigenSolver
from photonics.rcwa.threads import one_blas_thread
from photonics.rcwa.transfer.arithmetic import optical_phase
from photonics.rcwa.transfer.solver import TransferSolver
from photonics.solution import Solution
from photonics.stack import Incidence, Stack

NORMAL_INCIDENCE = Incidence()

# Harmonics at most, optical phase of the pattern at least, accuracy at most.
TRANSFER_IS_QUICKER = ((49, 0.0, COARSEST), (81, 2.5, COARSEST), (121, 6.0, 1e-7))


class ImageSolver(Protocol):
    """What every solver is: made for one stack, then asked for image after image."""

    def powers(self, patterns: np.ndarray) -> Powers:
        """Power fractions for one set of images (P, H, W), one for each patterned layer from top to bottom."""


class AutomaticSolver:
    """The preconditioned solver, and the transfer method where its iterations fail."""

    def __init__(self, stack: Stack, numerics: Numerics, incidence: Incidence) -> None:
        self._quick = PreconditionedSolver(stack, numerics, incidence)
        self._make_sure = lambda: TransferSolver(stack, numerics, incidence)

    @cached_property
    def _sure(self) -> TransferSolver:
        return self._make_sure()

    def powers(self, patterns: np.ndarray) -> Powers:
        """Power fractions for one set of images (P, H, W), one for each patterned layer from top to bottom."""
        try:
            powers = self._quick.powers(patterns)
            check_powers(powers)
        except SolverError:
            # Which image this happens to is a matter of the image alone, so that numbers stay reproducible.
            return self._sure.powers(patterns)
        return powers


def solve(
    stack: Stack,
    images: np.ndarray,
    numerics: Numerics,
    incidence: Incidence = NORMAL_INCIDENCE,
    *,
    device: str = "cpu",
) -> Solution:
    """Reflection, transmission and absorption of ``stack`` patterned by each of ``images``.

    ``images`` is uint8 (B, H, W), each used in every patterned layer, or (B, P, H, W) with one image for each of the P
    patterned layers from top to bottom; 1 is white. On a ``device`` other than the CPU the transfer method solves as
    many images at a time as its memory takes. On the CPU one thread solves them one after the other, or some at a time
    where orders are few: more threads bring little or cost, a process on every core is quickest, as campaigns
    have it (``benchmarks/rcwa_batch.py``).

    Where a diffraction order grazes, the solution is the limit from its neighbours; see ``photonics.rcwa.grazing``.

    Raises ValueError for images that are not square, not uint8, not 0 and 1, or too coarse for the orders, and for a
    stack or device that the chosen solver cannot take. Raises SolverError, naming the image by its position in the
    batch, if its solution cannot be trusted.
    """
    patterns = _patterns(stack, images, numerics)
    nearby = nearby_stacks(stack, numerics, incidence)
    if nearby is None:
        return _solve_patterns(stack, patterns, numerics, incidence, device)
    return nearby.limit([_solve_patterns(each, patterns, numerics, incidence, device) for each in nearby.stacks])


def _solve_patterns(
    stack: Stack, patterns: np.ndarray, numerics: Numerics, incidence: Incidence, device: str
) -> Solution:
    """``solve`` for checked images (B, P, H, W) and a stack in which no order grazes."""
    with one_blas_thread():
        solver = _make_solver(stack, numerics, incidence, device)
        if isinstance(solver, TransferSolver):
            powers = solver.powers_batch(patterns)
        else:
            powers = [_solve_image(solver, patterns, position) for position in range(len(patterns))]
    orders = np.stack(harmonics(numerics.orders, numerics.truncation), axis=1)
    return gather(powers, len(stack.layers), orders)


def solve_spectrum(
    stacks: Sequence[Stack],
    images: np.ndarray,
    numerics: Numerics,
    incidence: Incidence = NORMAL_INCIDENCE,
    *,
    device: str = "cpu",
) -> tuple[Solution, ...]:
    """``solve`` for every stack, usually one at several wavelengths, with the indices that its materials have there."""
    return tuple(solve(stack, images, numerics, incidence, device=device) for stack in stacks)


@lru_cache(maxsize=16)
def _make_solver(stack: Stack, numerics: Numerics, incidence: Incidence, device: str) -> ImageSolver:
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


def transfer_is_quicker(stack: Stack, numerics: Numerics) -> bool:
    """Whether the transfer method is expected to be quicker than the preconditioned solver, for one pattern on a CPU.

    It is for few orders; iterations become costly for thick layers and fine accuracies, a factorisation does not.
    Measured by ``benchmarks/rcwa_crossover.py``.
    """
    count, phase = len(harmonics(numerics.orders, numerics.truncation)[0]), optical_phase(stack)
    return any(
        count <= most and phase >= thick and numerics.accuracy <= accuracy
        for most, thick, accuracy in TRANSFER_IS_QUICKER
    )


def _solve_image(solver: ImageSolver, patterns: np.ndarray, position: int) -> Powers:
    try:
        powers = solver.powers(patterns[position])
        check_powers(powers)
    except (SolverError, np.linalg.LinAlgError) as error:
        raise SolverError(f"image {position} of {len(patterns)}: {error}") from error
    return powers


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
