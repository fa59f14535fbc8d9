"""The one public entry: a stack and a batch of images in, power fractions out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from photonics.rcwa.lattice import harmonics
from photonics.rcwa.numerics import Numerics, SolverError
from photonics.rcwa.powers import Powers, check_powers, gather
from photonics.rcwa.preconditioned import PreconditionedSolver, why_not
from photonics.rcwa.reference import EigenSolver
from photonics.rcwa.threads import one_blas_thread
from photonics.rcwa.transfer import TransferSolver
from photonics.solution import Solution
from photonics.stack import Incidence, Stack

NORMAL_INCIDENCE = Incidence()


class ImageSolver(Protocol):
    """What every solver is: made for one stack, then asked for image after image."""

    def powers(self, patterns: np.ndarray) -> Powers:
        """Power fractions for one set of images (P, H, W), one for each patterned layer from top to bottom."""


class AutomaticSolver:
    """The preconditioned solver where it suits the stack, the transfer method elsewhere and where iterations fail."""

    def __init__(self, stack: Stack, numerics: Numerics, incidence: Incidence) -> None:
        suits = why_not(stack, numerics, incidence) is None
        self._quick = PreconditionedSolver(stack, numerics, incidence) if suits else None
        self._make_sure = lambda: TransferSolver(stack, numerics, incidence)

    @cached_property
    def _sure(self) -> TransferSolver:
        return self._make_sure()

    def powers(self, patterns: np.ndarray) -> Powers:
        """Power fractions for one set of images (P, H, W), one for each patterned layer from top to bottom."""
        if self._quick is not None:
            try:
                powers = self._quick.powers(patterns)
                check_powers(powers)
                return powers
            except SolverError:
                # Which image this happens to is a matter of the image alone, so that numbers stay reproducible.
                return self._sure.powers(patterns)
        return self._sure.powers(patterns)


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
    patterned layers from top to bottom; 1 is white. On a ``device`` other than the CPU the transfer method solves many
    images at a time. On the CPU they are solved one after the other on one thread: to use more cores, run a
    process on each, as campaigns do. ``benchmarks/rcwa_batch.py`` compares with threads, processes and batches.

    Raises ValueError for images that are not square, not uint8, not 0 and 1, or too coarse for the orders; for a stack
    or device that the chosen solver cannot take; and for an order that grazes. Raises SolverError, naming the image by
    its position in the batch, if its solution cannot be trusted.
    """
    patterns = _patterns(stack, images, numerics)
    with one_blas_thread():
        solver = _make_solver(stack, numerics, incidence, device)
        if isinstance(solver, TransferSolver):
            powers = solver.powers_batch(patterns)
        else:
            powers = [_solve_image(solver, image, i, len(patterns)) for i, image in enumerate(patterns)]
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
        case "auto" if device == "cpu":
            return AutomaticSolver(stack, numerics, incidence)
    return TransferSolver(stack, numerics, incidence, device=device)


def _solve_image(solver: ImageSolver, image: np.ndarray, position: int, count: int) -> Powers:
    try:
        powers = solver.powers(image)
        check_powers(powers)
    except (SolverError, np.linalg.LinAlgError) as error:
        raise SolverError(f"image {position} of {count}: {error}") from error
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
