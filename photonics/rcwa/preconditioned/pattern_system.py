"""The fastest way to one label: a direct solution of a nearby real problem, and GMRES for what it leaves out.

One patterned layer at normal incidence between uniform layers is one system W u = f for the field u at the pattern's
bottom. ``Preconditioner`` solves it in real single precision without losses and with a short polynomial;
``PatternOperator`` applies the exact W to a few columns. GMRES runs in complex64. What single precision cannot reach is
found by refinement: the exact residual in complex128 is the right-hand side of the next round (Carson and Higham,
SIAM J. Sci. Comput. 40, A817 (2018)).
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from photonics.rcwa.chebyshev import BernsteinEllipse, Series, plan_series
from photonics.rcwa.numerics import SolverError
from photonics.rcwa.preconditioned.exact_operator import ON_FIELDS, DensePatternOperator, Fields, PatternOperator
from photonics.rcwa.preconditioned.krylov import block_gmres
from photonics.rcwa.preconditioned.limits import SAFETY, noise
from photonics.rcwa.preconditioned.preconditioner import BY_DOUBLE_ANGLE, TAIL, Preconditioner
from photonics.rcwa.preconditioned.real_basis import RealBasis

MOST_ITERATIONS = 30
MOST_ROUNDS = 6
# Harmonics up to which P Q as one matrix is quicker than P and Q apart.
DENSE = 180


class PatternSolution(NamedTuple):
    """Fields above and below the pattern by order, complex128 (2 N, 2) each, and how they were reached.

    ``error`` is the estimated error of the powers; the operator was applied ``iterations`` times in complex64 and
    ``refinements`` times in complex128.
    """

    top: Fields
    bottom: Fields
    error: float
    iterations: int
    refinements: int


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

    def solve(self, image: np.ndarray, pixels: str) -> PatternSolution:
        """Fields for one image (H, W), 1 where white. Raises SolverError if the iterations do not converge."""
        X = self.basis.convolution_matrix(image, pixels)
        operator = PatternOperator(self.basis, X, self.white, self.black)
        preconditioner = Preconditioner(operator, self._stand_in, self.above[:, 0], self.below[:, 0])
        if self.basis.size <= DENSE:
            carry_up = DensePatternOperator(operator, self._single).carry_up
        else:
            carry_up = partial(operator.carry_up, series=self._single, dtype=np.complex64)
        above, below = self.above.astype(np.complex64), self.below.astype(np.complex64)

        def apply(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            u = preconditioner.solve(block)
            top = carry_up(Fields(u, below * u))
            return top.h + above * top.e, u, top.e

        u, e_top = np.zeros((2, *self.source.shape), complex)
        right, reached, iterations = self.source, 1.0, 0
        for refinements in range(MOST_ROUNDS):
            wanted = max(self.tolerance / reached, self._noise)
            (du, de), residual, used = block_gmres(apply, right, wanted, MOST_ITERATIONS)
            u, e_top, iterations = u + du, e_top + de, iterations + used
            estimate = reached * max(residual, self._noise, self._single.tail)
            if estimate <= self.tolerance:
                return self._solution(u, e_top, estimate, iterations, refinements)
            top = operator.carry_up(Fields(u, self.below * u), self._double)
            e_top, right = top.e, self.source - (top.h + self.above * top.e)
            before, reached = reached, self._relative(right)
            if reached <= self.tolerance:
                return self._solution(u, e_top, max(reached, self._double.tail), iterations, refinements + 1)
            if not reached < before / 2:
                break
        raise SolverError(
            f"the iterations of the preconditioned solver stopped at a relative residual of {reached:.1g}, "
            f"{self.tolerance:.1g} was wanted; use solver='transfer'"
        )

    def work(self, solution: PatternSolution) -> Work:
        """Operations of matrix products, factorisations and iterations that led to ``solution``."""
        N = self.basis.size
        n = 2 * N
        # One application of P and Q to both kinds of field, each of two complex columns: a step of the recurrences.
        step = 32 * n**2 if N <= DENSE else 64 * N**2
        return Work(
            N,
            {
                # P Q and S P take a quarter of a product of two (2 N, 2 N) matrices, Q S a whole one.
                "sgemm": (self._stand_in.cost + 1.5) * 2 * n**3,
                "dgemm": 5 * N**3,
                "cgetrf": 8 / 3 * n**3,
                "thin_single": solution.iterations * (self._single.degree * step + 16 * n**2),
                "thin_double": solution.refinements * self._double.degree * 64 * N**2,
            },
        )

    def _solution(
        self, u: np.ndarray, e_top: np.ndarray, residual: float, iterations: int, refinements: int
    ) -> PatternSolution:
        top = Fields(e_top, self.source - self.above * e_top)
        bottom = Fields(u, self.below * u)
        top, bottom = (Fields(*map(self.basis.fields_to_orders, fields)) for fields in (top, bottom))
        return PatternSolution(top, bottom, SAFETY * residual, iterations, refinements)

    def _relative(self, residual: np.ndarray) -> float:
        return float((np.linalg.norm(residual, axis=0) / np.linalg.norm(self.source, axis=0)).max())

    @cached_property
    def _noise(self) -> float:
        return noise(self.thickness, self.basis.parallel.max(), np.float32)

    @cached_property
    def _stand_in(self) -> Series:
        reach = float(self.basis.parallel.max()) ** 2
        try:
            return plan_series(
                BernsteinEllipse(-1.25 * reach - 1, self._highest), self.thickness, TAIL, BY_DOUBLE_ANGLE
            )
        except ValueError as error:
            raise SolverError(
                f"a patterned layer of thickness {self.thickness:.3g} / k0 is too thick for the preconditioned "
                f"solver; use solver='transfer'"
            ) from error

    @cached_property
    def _single(self) -> Series:
        return plan_series(self._ellipse, self.thickness, max(self.tolerance, self._noise) / 10, ON_FIELDS)

    @cached_property
    def _double(self) -> Series:
        return plan_series(self._ellipse, self.thickness, self.tolerance / 10, ON_FIELDS)

    @property
    def _highest(self) -> float:
        return 1.04 * max(self.white.real, self.black.real)

    @property
    def _ellipse(self) -> BernsteinEllipse:
        """Where the eigenvalues of P Q lie: modes of an absorber off the real axis by its loss; see ``slab``."""
        reach = float(self.basis.parallel.max()) ** 2
        low, loss = -1.6 * reach - 1, max(self.white.imag, self.black.imag)
        return BernsteinEllipse(low, self._highest, loss + 0.02 * (self._highest - low) / 2)
