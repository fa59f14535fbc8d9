"""Linear systems of small batches of complex matrices, with a gradient and a refusal of singular ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from photonics.rcwa.numerics import SolverError
from photonics.rcwa.threads import one_thread

# Ratio of the smallest to the largest pivot below which a factorisation has lost its digits.
SMALLEST_PIVOT = {torch.complex128: 1e-13, torch.complex64: 1e-5}


class Factors:
    """Pivoted LU of a batch of matrices (B, n, n). Raises SolverError if one is singular to working precision."""

    def __init__(self, matrix: Tensor) -> None:
        self._matrix = matrix
        with torch.no_grad(), one_thread():
            self._lu, self._pivots, _ = torch.linalg.lu_factor_ex(matrix)
        diagonal = self._lu.diagonal(dim1=-2, dim2=-1).abs()
        # Written so that a NaN is refused too.
        if not bool((diagonal.amin(dim=-1) > SMALLEST_PIVOT[matrix.dtype] * diagonal.amax(dim=-1)).all()):
            raise SolverError(
                "a matrix of the transfer method is singular, as at the resonance of a lossless stack; "
                "use solver='eigen' or change the thickness by a little"
            )

    def solve(self, right: Tensor) -> Tensor:
        """X with M X = right; (B, n, k)."""
        return _Solve.apply(self._matrix, right, self._lu, self._pivots, True)

    def solve_left(self, right: Tensor) -> Tensor:
        """X with X M = right; (B, k, n)."""
        return _Solve.apply(self._matrix, right, self._lu, self._pivots, False)


class _Solve(torch.autograd.Function):
    """X = M^-1 B or B M^-1. Its gradient takes one more solution with the factors that are there already."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, right: Tensor, lu: Tensor, pivots: Tensor, left: bool) -> Tensor:
        with one_thread():
            solution = torch.linalg.lu_solve(lu, pivots, right, left=left)
        ctx.save_for_backward(lu, pivots, solution)
        ctx.left = left
        return solution

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        lu, pivots, solution = ctx.saved_tensors
        # Backward runs outside of every block of the forward path, so the guard is needed again.
        with one_thread():
            to_right = torch.linalg.lu_solve(lu, pivots, gradient, left=ctx.left, adjoint=True)
        to_matrix = to_right @ solution.mH if ctx.left else solution.mH @ to_right
        return -to_matrix, to_right, None, None, None


def add_to_diagonal(matrix: Tensor, values: Tensor | complex) -> Tensor:
    """Add values, (n,) or a number, to the diagonal of every matrix in place and return the batch."""
    matrix.diagonal(dim1=-2, dim2=-1).add_(values)
    return matrix


def one_minus(matrix: Tensor) -> Tensor:
    """The identity less a batch of matrices."""
    return add_to_diagonal(-matrix, 1)
