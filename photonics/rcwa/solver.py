"""The one public entry: a stack and a batch of images in, power fractions out."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from photonics.rcwa.numerics import Numerics, SolverError
from photonics.rcwa.powers import Powers, check_powers
from photonics.rcwa.reference import EigenSolver
from photonics.rcwa.transfer import TransferSolver
from photonics.solution import Solution
from photonics.stack import Incidence, Stack

NORMAL_INCIDENCE = Incidence()


class ImageSolver(Protocol):
    """What both solvers are: made for one stack, then asked for image after image."""

    def powers(self, patterns: np.ndarray) -> Powers:
        """Power fractions for one set of images (P, H, W), one for each patterned layer from top to bottom."""


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
    patterned layers from top to bottom; 1 is white. ``device`` names the torch device of the transfer solver; the
    eigen-solver always runs on the CPU. Single-threaded: callers run one process a core.

    Raises ValueError for images that are not square, not uint8, not 0 and 1, or too coarse for the orders; for a stack
    that the chosen solver cannot take; and for an order that grazes. Raises SolverError, naming the image by its
    position in the batch, if its solution cannot be trusted.
    """
    patterns = _patterns(stack, images, numerics)
    solver: ImageSolver
    if numerics.solver == "eigen":
        solver = EigenSolver(stack, numerics, incidence)
    else:
        solver = TransferSolver(stack, numerics, incidence, device=device)
    reflection, transmission = np.empty((2, len(patterns), 2))
    layer_absorption = np.empty((len(patterns), 2, len(stack.layers)))
    for position, image in enumerate(patterns):
        powers = _solve_image(solver, image, position, len(patterns))
        reflection[position], transmission[position], layer_absorption[position] = powers
    return Solution(reflection, transmission, layer_absorption)


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
