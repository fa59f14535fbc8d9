"""The fastest solver, for one patterned layer at normal incidence: ``PatternSystem`` between films and half spaces."""

from __future__ import annotations

import numpy as np
import torch

from photonics.rcwa.boundary import Field
from photonics.rcwa.numerics import Numerics
from photonics.rcwa.powers import Outcome, Powers, solve_in_chunks
from photonics.rcwa.preconditioned.field_series import SINGLE
from photonics.rcwa.preconditioned.limits import patterns_of, why_not
from photonics.rcwa.preconditioned.pattern_system import PatternSystem, Work
from photonics.rcwa.preconditioned.real_basis import RealBasis
from photonics.rcwa.surroundings import Surroundings
from photonics.rcwa.tensor_stack import TensorStack
from photonics.stack import Incidence, Stack

# Bytes of the factorised matrices (2 N, 2 N), complex64, of images that are solved together, and how many those are at
# most. One image alone takes three to six times as long at few orders, for the calls between small products; more
# images than these bring nothing (benchmarks/rcwa_batch.py).
CHUNK, MOST = 2**23, 32


class PreconditionedSolver:
    """Solves one stack for images. Raises ValueError for a stack that ``why_not`` gives a reason against."""

    def __init__(self, stack: Stack, numerics: Numerics, incidence: Incidence) -> None:
        reason = why_not(stack, numerics, incidence)
        if reason is not None:
            raise ValueError(f"solver 'preconditioned' needs {reason}; use solver='auto'")
        self._pixels = numerics.pixels
        self._surroundings = Surroundings(TensorStack.from_stack(stack), numerics, incidence)
        [pattern] = patterns_of(stack)
        drive = self._surroundings.drive
        self._system = PatternSystem(
            RealBasis(self._surroundings.waves.lattice),
            stack.optical_thickness(pattern),
            complex(pattern.white_index) ** 2,
            complex(pattern.black_index) ** 2,
            drive.admittance.numpy(),
            drive.source.numpy(),
            self._surroundings.admittance.numpy(),
            numerics.accuracy,
        )

    def powers_batch(self, patterns: np.ndarray, *, chunk: int | None = None) -> list[Outcome]:
        """Power fractions of every image, (B, 1, H, W), ``chunk`` at a time, or why there are none.

        The numbers of an image do not depend on the others.
        """
        if chunk is None:
            chunk = min(MOST, max(1, CHUNK // ((2 * self._system.basis.size) ** 2 * SINGLE.itemsize)))
        return solve_in_chunks(patterns, chunk, self._together, lambda images: self._together(images[None])[0])

    def _together(self, patterns: np.ndarray) -> list[Powers]:
        solution = self._system.solve(patterns[:, 0], self._pixels)
        fields = [Field(torch.from_numpy(e), torch.from_numpy(h)) for e, h in solution[:2]]
        return self._surroundings.powers(fields).numbers(solution.error.tolist())

    def work(self, image: np.ndarray) -> Work:
        """Operations that one image (H, W) takes."""
        return self._system.work(self._system.solve(image[None], self._pixels))
