"""The fastest way to one label: a direct solution of a nearby real problem, and GMRES for what it leaves out.

One patterned layer at normal incidence between uniform layers is one system W u = f for the field u at the pattern's
bottom. ``Preconditioner`` solves it in real single precision without losses and with a short polynomial;
``PatternOperator`` applies the exact W to a few columns. GMRES runs in complex64. What single precision cannot reach is
found by refinement: the exact residual in complex128 is the right-hand side of the next round (Carson and Higham,
SIAM J. Sci. Comput. 40, A817 (2018)).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from photonics.rcwa.chebyshev import BernsteinEllipse, plan_series
from photonics.rcwa.numerics import SolverError
from photonics.rcwa.preconditioned.exact_operator import PatternOperator
from photonics.rcwa.preconditioned.field_series import DOUBLE, SINGLE, FieldSeries
from photonics.rcwa.preconditioned.krylov import Applied, BlockSolution, block_gmres
from photonics.rcwa.preconditioned.limits import SAFETY, noise
from photonics.rcwa.preconditioned.matrix_series import BY_DOUBLE_ANGLE
from photonics.rcwa.preconditioned.preconditioner import Preconditioner, StandIn
from photonics.rcwa.preconditioned.propagation import Fields, Propagation
from photonics.rcwa.preconditioned.real_basis import RealBasis

MOST_ITERATIONS = 30
MOST_ROUNDS = 6
# Harmonics up to which an exact stand-in is quicker than iterations.
DIRECT = 60
# Error of the polynomials of a stand-in that is not exact, relative to the value of either function at x = 0. Larger
# errors cost more iterations than they save products.
TAIL = 0.1
# What is planned for, in units of what an error may be.
MARGIN = 5.0


class PatternSolution(NamedTuple):
    """Fields above and below the patterns by order, complex128 (B, 2 N, 2) each, and how they were reached.

    ``error`` (B,) is the estimated error of the powers; the operator was applied ``iterations`` (B,) times in complex64
    and ``refinements`` (B,) times in complex128.
    """

    top: Fields
    bottom: Fields
    error: np.ndarray
    iterations: np.ndarray
    refinements: np.ndarray


class Work(NamedTuple):
    """Real operations spent on one image by kind: what a machine's rates for these kinds give a least time for."""

    harmonics: int
    operations: dict[str, float]


class PatternSystem:
    """One patterned layer between given surroundings, solved for image after image.

    ``thickness`` is in units of 1/k0; ``white`` and ``black`` are permittivities; above the layer h + ``above`` e =
    ``source``, below it h = ``below`` e: by order, (2 N,), (2 N, 2) and (2 N,). For patterns without a ``misfit``.
    """

    def __init__(
        self,
        basis: RealBasis,
        thickness: float,
        white: complex,
        black: complex,
        above: np.ndarray,
        source: np.ndarray,
        below: np.ndarray,
        accuracy: float,
    ) -> None:
        self.basis, self.thickness, self.white, self.black = basis, thickness, white, black
        self.tolerance = accuracy / SAFETY
        self.above, self.below = basis.from_orders(above)[:, None], basis.from_orders(below)[:, None]
        self.source = basis.fields_from_orders(source)

    def solve(self, images: np.ndarray, pixels: str) -> PatternSolution:
        """Fields for images (B, H, W), 1 where white; the numbers of an image do not depend on the others.

        Raises SolverError if the iterations of one do not converge.
        """
        X = self.basis.convolution_matrices(images, pixels)
        operator = PatternOperator(self.basis, X, self.white, self.black)
        apply = self._apply_in_single(operator, self._stand_in.factorise(operator))
        exact: Propagation | None = None
        progress = _Progress(self.source, len(images))
        for _ in range(MOST_ROUNDS):
            wanted = np.maximum(self.tolerance / progress.reached, self._noise)
            found = block_gmres(apply, progress.right, wanted, MOST_ITERATIONS)
            progress.correct(found, max(self._noise, self._single.tail))
            if progress.is_done(self.tolerance):
                return self._solution(progress)
            exact = exact or Propagation(operator, self._double, self.source.shape[1])
            top = exact.carry_up(Fields(progress.u, self.below * progress.u))
            residual = self.source - (top.h + self.above * top.e)
            reached, before = self._relative(residual), progress.reached
            progress.refine(top.e, residual, reached, self._double.tail)
            if progress.is_done(self.tolerance):
                return self._solution(progress)
            if not (progress.reached < before / 2)[progress.left].all():
                break
        raise SolverError(
            f"the iterations of the preconditioned solver stopped at a relative residual of "
            f"{progress.reached[progress.left].max():.1g}, {self.tolerance:.1g} was wanted; use solver='transfer'"
        )

    def _apply_in_single(
        self, operator: PatternOperator, preconditioner: Preconditioner
    ) -> Callable[[np.ndarray], Applied]:
        """What GMRES iterates with: W M^-1, M^-1 and the field at the top that it leads to."""
        above, below = self.above.astype(np.complex64), self.below.astype(np.complex64)
        propagation = Propagation(operator, self._single, self.source.shape[1])

        def apply(block: np.ndarray) -> Applied:
            u = preconditioner.solve(block)
            top = propagation.carry_up(Fields(u, below * u))
            return top.h + above * top.e, u, top.e

        return apply

    def work(self, solution: PatternSolution) -> Work:
        """Operations of matrix products, factorisations and iterations that led to ``solution``."""
        N, stand_in = self.basis.size, self._stand_in
        n = 2 * N
        # One application of P and Q to both kinds of field, each of two complex columns: a step of the recurrences.
        step = 96 * N**2
        product, real_operations = ("cgemm", 8) if stand_in.dtype == SINGLE else ("sgemm", 2)
        return Work(
            N,
            {
                # P Q and S P take a quarter of a product of two (2 N, 2 N) matrices, Q S a whole one.
                product: (stand_in.series.cost + 1.5) * real_operations * n**3,
                "dgemm": 5 * N**3,
                "cgetrf": 8 / 3 * n**3,
                "thin_single": int(solution.iterations[0]) * (self._single.degree * step + 16 * n**2),
                "thin_double": int(solution.refinements[0]) * self._double.degree * step,
            },
        )

    def _solution(self, progress: _Progress) -> PatternSolution:
        u, e_top = progress.u, progress.e_top
        top, bottom = Fields(e_top, self.source - self.above * e_top), Fields(u, self.below * u)
        top, bottom = (Fields(*map(self.basis.fields_to_orders, fields)) for fields in (top, bottom))
        return PatternSolution(top, bottom, SAFETY * progress.error, progress.iterations, progress.refinements)

    def _relative(self, residual: np.ndarray) -> np.ndarray:
        return (np.linalg.norm(residual, axis=1) / np.linalg.norm(self.source, axis=0)).max(axis=1)

    @cached_property
    def _noise(self) -> float:
        return noise(self.thickness, self.basis.parallel.max(), np.float32)

    @cached_property
    def _stand_in(self) -> StandIn:
        reach = float(self.basis.parallel.max()) ** 2
        ellipse, tail = BernsteinEllipse(-1.25 * reach - 1, self._highest), TAIL
        if self._is_direct:
            ellipse, tail = self._ellipse, max(self.tolerance, self._noise) / MARGIN
        try:
            series = plan_series(ellipse, self.thickness, tail, BY_DOUBLE_ANGLE)
        except ValueError as error:
            raise SolverError(
                f"a patterned layer of thickness {self.thickness:.3g} / k0 is too thick for the preconditioned "
                f"solver; use solver='transfer'"
            ) from error
        dtype = SINGLE if self._is_direct and (self.white.imag or self.black.imag) else np.dtype(np.float32)
        return StandIn(series, dtype, self.above.astype(np.complex64), self.below[:, 0].astype(np.complex64))

    @property
    def _is_direct(self) -> bool:
        """Whether the stand-in is exact but for its precision."""
        lossless = self.white.imag == self.black.imag == 0
        return lossless or self.basis.size <= DIRECT

    @cached_property
    def _single(self) -> FieldSeries:
        return FieldSeries(self._ellipse, self.thickness, max(self.tolerance, self._noise) / MARGIN, SINGLE)

    @cached_property
    def _double(self) -> FieldSeries:
        return FieldSeries(self._ellipse, self.thickness, self.tolerance / 10, DOUBLE)

    @property
    def _highest(self) -> float:
        return 1.04 * max(self.white.real, self.black.real)

    @property
    def _ellipse(self) -> BernsteinEllipse:
        """Where the eigenvalues of P Q lie: modes of an absorber off the real axis by its loss; see ``slab``."""
        reach = float(self.basis.parallel.max()) ** 2
        low, loss = -1.6 * reach - 1, max(self.white.imag, self.black.imag)
        return BernsteinEllipse(low, self._highest, loss + 0.02 * (self._highest - low) / 2)


class _Progress:
    """How far the images of a batch have come. One that is done, no longer ``left``, is not touched again.

    Fields u and e_top, and the right-hand sides of the next round, are complex (B, 2 N, 2); the others are (B,).
    """

    def __init__(self, source: np.ndarray, count: int) -> None:
        self.u, self.e_top = np.zeros((2, count, *source.shape), complex)
        self.right = np.repeat(source[None], count, axis=0)
        self.reached, self.error, self.left = np.ones(count), np.full(count, np.inf), np.ones(count, bool)
        self.iterations, self.refinements = np.zeros((2, count), int)
        self._least_error = 0.0

    def correct(self, found: BlockSolution, floor: float) -> None:
        """Add the correction of a round, whose relative error is the residual but at least ``floor``."""
        left, (u, e_top) = self.left, found.parts
        self.u[left] += u[left]
        self.e_top[left] += e_top[left]
        self.iterations[left] += found.iterations[left]
        error = self.reached * np.maximum(found.residual, floor)
        self.error[left] = np.maximum(error, self._least_error)[left]

    def refine(self, e_top: np.ndarray, residual: np.ndarray, reached: np.ndarray, floor: float) -> None:
        """Take over the exact field at the top and the exact residual; from now on an error is at least ``floor``."""
        left, self._least_error = self.left, floor
        self.e_top[left], self.right[left] = e_top[left], residual[left]
        self.reached = np.where(left, reached, self.reached)
        self.error[left] = np.maximum(reached, floor)[left]
        self.refinements[left] += 1

    def is_done(self, tolerance: float) -> bool:
        """Whether every image is, those with an error of at most ``tolerance`` from now on."""
        self.left &= ~(self.error <= tolerance)
        return not self.left.any()
