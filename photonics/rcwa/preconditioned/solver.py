"""The fastest solver, for one patterned layer at normal incidence: ``PatternSystem`` between films and half spaces."""

from __future__ import annotations

import numpy as np
import torch

from photonics.rcwa.boundary import Field
from photonics.rcwa.numerics import Numerics
from photonics.rcwa.powers import Powers
from photonics.rcwa.preconditioned.limits import patterns_of, why_not
from photonics.rcwa.preconditioned.pattern_system import PatternSystem, Work
from photonics.rcwa.preconditioned.real_basis import RealBasis
from photonics.rcwa.surroundings import Surroundings
from photonics.rcwa.tensor_stack import TensorStack
from photonics.stack import Incidence, Stack


class PreconditionedSolver:
    """Solves one stack for image after image. Raises ValueError for one that ``why_not`` gives a reason against."""

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

    def powers(self, patterns: np.ndarray) -> Powers:
        """Power fractions for one image, (1, H, W). Raises SolverError if the iterations do not converge."""
        solution = self._system.solve(patterns[0], self._pixels)
        fields = [Field(torch.from_numpy(e)[None], torch.from_numpy(h)[None]) for e, h in solution[:2]]
        return self._surroundings.powers(fields).numbers([solution.error])[0]

    def work(self, image: np.ndarray) -> Work:
        """Operations that one image (H, W) takes."""
        return self._system.work(self._system.solve(image, self._pixels))
