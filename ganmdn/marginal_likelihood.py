"""The marginal likelihood of a Gaussian process with a gradient of its own, a quarter as dear as autograd's."""

from __future__ import annotations

import math
from typing import Any

import torch
from gpytorch.distributions import MultivariateNormal
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor
from torch.autograd.function import once_differentiable


class DirectMarginalLogLikelihood(ExactMarginalLogLikelihood):
    """GPyTorch's, to rounding: autograd goes through the kernel, not through the Cholesky factor."""

    def forward(self, function_dist: MultivariateNormal, target: Tensor, *params: Any, **kwargs: Any) -> Tensor:
        """Logarithm of p(y) and of the priors over the number of observations (n,)."""
        observed = self.likelihood(function_dist, *params, **kwargs)
        logarithm = _LogDensity.apply(observed.covariance_matrix, target - observed.mean)
        return self._add_other_terms(logarithm, params).div(len(target))


class _LogDensity(torch.autograd.Function):
    """Of normal residuals (n,) with a covariance (n, n); Rasmussen and Williams, equations 2.30 and 5.9."""

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, residual: Tensor) -> Tensor:
        factor = psd_safe_cholesky(covariance)
        precision = torch.cholesky_inverse(factor)
        weights = precision @ residual
        ctx.save_for_backward(precision, weights)
        return -(residual @ weights + len(residual) * math.log(2 * math.pi)) / 2 - factor.diagonal().log().sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        precision, weights = ctx.saved_tensors
        return (torch.outer(weights, weights) - precision) * (gradient / 2), -gradient * weights
