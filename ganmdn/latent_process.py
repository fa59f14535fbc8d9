"""An exact Gaussian process on latents for searches: quick to fit, to extend by a point, and to differentiate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

FIT_POINTS = 250  # hyperparameters are fitted to so many points at most; the cost grows with the cube
FIT_EVERY = 25  # points, between one fit and the next
FIT_ITERATIONS = 30  # of L-BFGS
FIT_TOLERANCE = 1e-5  # relative change of the likelihood at which it stops
LEAST_NOISE = 1e-6  # variance, in units of the property's
# Priors of Hvarfner et al., arXiv 2402.02229, and of BoTorch: length scales grow with the root of the dimension.
SCALE_LOCATION, SCALE_SPREAD = math.sqrt(2.0), math.sqrt(3.0)
NOISE_LOCATION, NOISE_SPREAD = -4.0, 1.0


@dataclass(frozen=True)
class Kernel:
    """Matern 5/2 of unit variance with a length scale (M,) for each dimension, and the noise's variance."""

    lengthscale: Tensor
    noise: Tensor

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Covariance of points (n, M) and (m, M), (n, m); Rasmussen and Williams, equation 4.17."""
        distance = math.sqrt(5.0) * torch.cdist(
            first / self.lengthscale, second / self.lengthscale, compute_mode="donot_use_mm_for_euclid_dist"
        )
        return (1 + distance + distance.square() / 3) * torch.exp(-distance)

    def of_observations(self, points: Tensor) -> Tensor:
        """Covariance of noisy observations at points (n, M), (n, n)."""
        return self(points, points) + self.noise * torch.eye(len(points), dtype=points.dtype)


@dataclass(frozen=True)
class LatentProcess:
    """What is known of the property in the unit box.

    The noise is what the process cannot resolve of the forward map, so it belongs to every prediction: simulations
    themselves have none.

    Attributes
    ----------
    kernel
        With its hyperparameters.
    points, values
        (n, M) and (n,), observations, values standardised by ``shift`` and ``scale``.
    factor
        (n, n), Cholesky factor of the observations' covariance.
    """

    kernel: Kernel
    points: Tensor
    values: Tensor
    factor: Tensor
    shift: float
    scale: float

    @classmethod
    def fitted(cls, points: np.ndarray, y: np.ndarray, seed: int) -> LatentProcess:
        """Of observations (n, M) and (n,), all finite.

        Hyperparameters follow from the observations up to the last multiple of ``FIT_EVERY``, ``FIT_POINTS`` of them
        drawn by ``seed`` where there are more; all observations condition the process.
        """
        shift, scale = float(y.mean()), float(y.std()) or 1.0
        where, values = torch.from_numpy(points), torch.from_numpy((y - shift) / scale)
        known = len(y) - len(y) % FIT_EVERY or len(y)
        chosen = torch.from_numpy(np.random.default_rng([seed, known]).permutation(known)[:FIT_POINTS])
        kernel = fit_kernel(where[chosen], values[chosen])
        return cls(kernel, where, values, torch.linalg.cholesky(kernel.of_observations(where)), shift, scale)

    def predict(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Expected property and standard deviation at points (m, M), noise included, (m,) each; differentiable."""
        cross = self.kernel(self.points, points)
        whitened = torch.linalg.solve_triangular(self.factor, torch.column_stack([cross, self.values]), upper=False)
        explained, mean = whitened[:, :-1], whitened[:, :-1].T @ whitened[:, -1]
        variance = (1 + self.kernel.noise - explained.square().sum(0)).clamp_min(LEAST_NOISE)
        return self.shift + self.scale * mean, self.scale * variance.sqrt()

    def sample(self, points: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Draws of the property at points (m, M) together, noise left out, (count, m)."""
        cross = self.kernel(self.points, points)
        whitened = torch.linalg.solve_triangular(self.factor, torch.column_stack([cross, self.values]), upper=False)
        mean = whitened[:, :-1].T @ whitened[:, -1]
        covariance = self.kernel(points, points) - whitened[:, :-1].T @ whitened[:, :-1]
        covariance += LEAST_NOISE * torch.eye(len(points), dtype=points.dtype)
        normal = torch.randn(count, len(points), generator=generator, dtype=points.dtype)
        return self.shift + self.scale * (mean + normal @ torch.linalg.cholesky(covariance).T)

    def observing(self, point: Tensor, y: float) -> LatentProcess:
        """The process that knows one observation (M,) more; the factor grows by a row."""
        row = torch.linalg.solve_triangular(self.factor, self.kernel(self.points, point[None]), upper=False)[:, 0]
        corner = (1 + self.kernel.noise - row.square().sum()).clamp_min(LEAST_NOISE).sqrt()
        size = len(self.values)
        factor = torch.zeros(size + 1, size + 1, dtype=row.dtype)
        factor[:size, :size], factor[size, :size], factor[size, size] = self.factor, row, corner
        value = torch.tensor([(y - self.shift) / self.scale], dtype=row.dtype)
        values = torch.cat([self.values, value])
        return replace(self, points=torch.cat([self.points, point[None]]), values=values, factor=factor)


def columns_of(y: np.ndarray) -> list[np.ndarray]:
    """Properties (n,) or (n, D) as a column (n,) for each process."""
    return [np.ascontiguousarray(column) for column in y.reshape(len(y), -1).T]


def fit_kernel(points: Tensor, values: Tensor) -> Kernel:
    """Hyperparameters of the largest marginal likelihood with its priors, by L-BFGS, for standardised values."""
    dimension = points.shape[1]
    location = torch.full((dimension + 1,), SCALE_LOCATION + math.log(dimension) / 2, dtype=points.dtype)
    spread = torch.full_like(location, SCALE_SPREAD)
    location[-1], spread[-1] = NOISE_LOCATION, NOISE_SPREAD

    def loss(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        free = torch.tensor(logarithms, requires_grad=True)
        factor = torch.linalg.cholesky(_kernel(free).of_observations(points))
        whitened = torch.linalg.solve_triangular(factor, values[:, None], upper=False)
        likelihood = -whitened.square().sum() / 2 - factor.diagonal().log().sum()
        total = -(likelihood - ((free - location) / spread).square().sum() / 2)
        total.backward()
        assert free.grad is not None
        return total.item(), free.grad.numpy()

    options: Any = {"maxiter": FIT_ITERATIONS, "ftol": FIT_TOLERANCE}
    bounds = [(math.log(0.02), math.log(100.0))] * dimension + [(math.log(LEAST_NOISE), 0.0)]
    start = np.append(np.full(dimension, math.log(math.sqrt(dimension) / 2)), NOISE_LOCATION)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return _kernel(torch.from_numpy(found))


def _kernel(logarithms: Tensor) -> Kernel:
    return Kernel(logarithms[:-1].exp(), logarithms[-1].exp())
