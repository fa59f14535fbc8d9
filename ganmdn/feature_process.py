"""A Gaussian process on latents and diffraction features: the smooth part of what is known of the forward map."""

from __future__ import annotations

from dataclasses import dataclass

import gpytorch
import numpy as np
import torch
from gpytorch.kernels import MaternKernel, ScaleKernel
from torch import Tensor

from ganmdn.forward_config import ProcessTraining
from ganmdn.marginal_likelihood import DirectMarginalLogLikelihood

LEARNING_RATE = 0.1
LEAST_NOISE = 1e-6  # variance, in units of the property's


@dataclass(frozen=True)
class LeaveOneOut:
    """What a process says of each of its own labels without that label.

    Attributes
    ----------
    predicted, deviation
        (n,), expected value and standard deviation (Rasmussen and Williams, equations 5.10 to 5.12).
    """

    predicted: np.ndarray
    deviation: np.ndarray


class FeatureProcess:
    """Exact Gaussian-process regression, Matern 5/2 with a length scale for each input.

    Parameters
    ----------
    inputs, y
        (n, F) and (n,); constant inputs tell nothing and are taken out.
    training
        How length scales are fitted.
    seed
        Decides which labels they are fitted to.
    """

    def __init__(
        self, inputs: np.ndarray, y: np.ndarray, training: ProcessTraining, seed: np.random.SeedSequence
    ) -> None:
        self._told = inputs.std(axis=0) > 0
        self._shift, self._scale = inputs[:, self._told].mean(axis=0), inputs[:, self._told].std(axis=0)
        self._y_shift, self._y_scale = float(y.mean()), float(y.std()) or 1.0
        points, values = self._standardised(inputs), torch.from_numpy((y - self._y_shift) / self._y_scale)
        chosen = np.random.default_rng(seed).permutation(len(y))[: training.labels]
        self._kernel, self._noise = _learn(points[chosen], values[chosen], training.iterations)
        self._condition(points, values)

    def _condition(self, inputs: Tensor, values: Tensor) -> None:
        """Take over the labels, standardised: the Cholesky factor of their covariance, and their weights."""
        with torch.no_grad():
            covariance = self._kernel(inputs).to_dense()
            covariance.diagonal().add_(self._noise)
            self._factor = torch.linalg.cholesky(covariance)
            self._weights = torch.cholesky_solve(values[:, None], self._factor)[:, 0]
        self._inputs, self._values = inputs, values

    def _standardised(self, inputs: np.ndarray) -> Tensor:
        return torch.from_numpy((inputs[:, self._told] - self._shift) / self._scale)

    def predict(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected values and standard deviations of new observations, noise included; (B,) each."""
        with torch.no_grad():
            points = self._standardised(inputs)
            cross = self._kernel(self._inputs, points).to_dense()
            mean = cross.T @ self._weights
            explained = torch.linalg.solve_triangular(self._factor, cross, upper=False).square().sum(0)
            variance = (self._kernel(points, diag=True) + self._noise - explained).clamp_min(self._noise)
        return self._y_shift + self._y_scale * mean.numpy(), self._y_scale * variance.sqrt().numpy()

    def leave_one_out(self) -> LeaveOneOut:
        """Predictions of the labels, each without itself."""
        with torch.no_grad():
            precision = torch.cholesky_inverse(self._factor).diagonal()
            predicted = self._values - self._weights / precision
            deviation = precision.rsqrt()
        return LeaveOneOut(self._y_shift + self._y_scale * predicted.numpy(), self._y_scale * deviation.numpy())


class _Process(gpytorch.models.ExactGP):
    def __init__(self, inputs: Tensor, values: Tensor, likelihood: gpytorch.likelihoods.GaussianLikelihood) -> None:
        super().__init__(inputs, values, likelihood)
        self.mean_module = gpytorch.means.ZeroMean()
        self.covar_module = ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=inputs.shape[1]))
        # Half of the typical distance of standardised inputs: the marginal likelihood leads on from there.
        self.covar_module.base_kernel.lengthscale = inputs.shape[1] ** 0.5

    def forward(self, inputs: Tensor) -> gpytorch.distributions.MultivariateNormal:
        return gpytorch.distributions.MultivariateNormal(self.mean_module(inputs), self.covar_module(inputs))


def _learn(inputs: Tensor, values: Tensor, iterations: int) -> tuple[ScaleKernel, Tensor]:
    """Kernel and noise variance of the largest marginal likelihood, by Adam."""
    likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=gpytorch.constraints.GreaterThan(LEAST_NOISE))
    likelihood.noise = 0.05
    process = _Process(inputs, values, likelihood).double()
    process.train()
    objective = DirectMarginalLogLikelihood(likelihood, process)
    optimiser = torch.optim.Adam(process.parameters(), lr=LEARNING_RATE)
    for _ in range(iterations):
        optimiser.zero_grad()
        (-objective(process(inputs), values)).backward()
        optimiser.step()
    return process.covar_module.requires_grad_(False).eval(), likelihood.noise.detach()
