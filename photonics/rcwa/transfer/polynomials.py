"""Cosine and sine of a matrix square root as Chebyshev sums: products of a batch of matrices only, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor

from photonics.rcwa.chebyshev import Evaluation, Series, divide

# exp(kappa h) of the fastest evanescent mode over one expansion. Rounding errors of C and S grow by as much, but hardly
# those of what is made of them, in single precision too.
LARGEST_GROWTH = 400.0
# A doubling costs a product, an LU factorisation and two solves, in units of a product.
DOUBLING_COST = 10 / 3
MOST_DOUBLINGS = 40
HIGHEST_DEGREE = 48


def _products(degree: int) -> float:
    return degree / 2


# Errors of a phase double with the thickness.
BY_TANGENT = Evaluation(
    degrees=tuple(range(4, HIGHEST_DEGREE + 1, 2)),
    cost=_products,
    doubling_cost=DOUBLING_COST,
    doubling_error=2.0,
    most_doublings=MOST_DOUBLINGS,
    largest_growth=LARGEST_GROWTH,
)


def cosine_and_sine(A: Tensor, series: Series, stretch: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """C and S of A at ``stretch * series.thickness``, before any doubling; (B, n, n) like A.

    ``stretch``, at most 1, carries the gradient of the thickness, which the coefficients do not know. The degree is
    even: T_1 to T_s come by recurrence, and the sums of degree 2 s are divided by T_s.
    """
    ellipse, s = series.ellipse, series.degree // 2
    identity = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand_as(A)
    B = A * (stretch**2 / ellipse.half_width)
    B.diagonal(dim1=-2, dim2=-1).sub_(ellipse.centre / ellipse.half_width)
    T = [identity, B]
    for _ in range(s - 1):
        T.append(torch.baddbmm(T[-2], B, T[-1], beta=-1, alpha=2))
    (cosine, by_cosine), (sine, by_sine) = divide(series.cosine), divide(series.sine)
    weights = torch.tensor([*map(list, (cosine, sine, by_cosine, by_sine))], dtype=A.real.dtype, device=A.device)
    # All four sums of the T_k at once, as one real product.
    basis = torch.view_as_real(torch.stack(T)).reshape(s + 1, -1)
    sums = torch.view_as_complex((weights @ basis).reshape(4, *A.shape, 2))
    C, S = torch.baddbmm(sums[0], T[s], sums[2]), torch.baddbmm(sums[1], T[s], sums[3])
    return C, S * stretch
