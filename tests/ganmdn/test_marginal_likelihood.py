from __future__ import annotations

import pytest
import torch
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood

from ganmdn.marginal_likelihood import DirectMarginalLogLikelihood


@pytest.mark.parametrize("noise", [None, 1e-2])
def test_value_and_gradient_are_those_of_gpytorch(noise: float | None) -> None:
    draws = torch.Generator().manual_seed(0)
    points = torch.rand(30, 3, generator=draws, dtype=torch.float64)
    values = torch.sin(5 * points.sum(1, keepdim=True)) + points[:, :1]
    variances = None if noise is None else torch.full_like(values, noise)
    found = {}
    for likelihood in (ExactMarginalLogLikelihood, DirectMarginalLogLikelihood):
        process = SingleTaskGP(points, values, variances)
        logarithm = likelihood(process.likelihood, process).train()
        value = logarithm(process(*process.train_inputs), process.train_targets)
        value.backward()
        found[likelihood] = [value.detach(), *(each.grad for each in process.parameters())]
    for plain, ours in zip(*found.values(), strict=True):
        torch.testing.assert_close(ours, plain)
        assert ours.abs().sum() > 0
