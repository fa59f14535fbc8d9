"""The process is exact regression: by the textbook's formulas, by scikit-learn's kernel, by recovering a truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.gaussian_process.kernels import Matern

from ganmdn.latent_process import FIT_EVERY, Kernel, LatentProcess, fit_kernel


def truth(points: np.ndarray) -> np.ndarray:
    return 0.6 + 0.1 * np.sin(6 * points[:, 0]) + 0.05 * points[:, 1]


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(60, 3))


@pytest.fixture
def process(points: np.ndarray) -> LatentProcess:
    return LatentProcess.fitted(points, truth(points), 3)


def test_the_kernel_is_scikit_learns() -> None:
    kernel = Kernel(torch.tensor([0.3, 0.7]), torch.tensor(0.1))
    first, second = torch.rand(5, 2), torch.rand(4, 2)
    np.testing.assert_allclose(kernel(first, second), Matern([0.3, 0.7], nu=2.5)(first, second), rtol=1e-5)
    observed = kernel.of_observations(first)
    np.testing.assert_allclose(observed - kernel(first, first), 0.1 * torch.eye(5), atol=1e-7)


def test_it_predicts_what_it_did_not_see_and_knows_what_matters(process: LatentProcess) -> None:
    new = np.random.default_rng(1).uniform(size=(200, 3))
    mean, deviation = process.predict(torch.from_numpy(new))
    assert np.abs(mean.numpy() - truth(new)).mean() < 0.1 * truth(new).std()
    assert (np.abs(mean.numpy() - truth(new)) < 2 * deviation.numpy()).mean() > 0.9
    scale = process.kernel.lengthscale
    assert scale[0] < scale[1] < scale[2]


def test_the_prediction_is_the_textbooks(process: LatentProcess) -> None:
    at = torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    inverse = torch.linalg.inv(process.kernel.of_observations(process.points))
    cross = process.kernel(process.points, at)
    mean, deviation = process.predict(at)
    np.testing.assert_allclose(mean, process.shift + process.scale * (cross.T @ inverse @ process.values), rtol=1e-6)
    variance = 1 + process.kernel.noise - (cross * (inverse @ cross)).sum(0)
    np.testing.assert_allclose(deviation, process.scale * variance.sqrt(), rtol=1e-5)


def test_samples_scatter_as_predicted_without_noise(process: LatentProcess) -> None:
    at = torch.rand(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    samples = process.sample(at, 4000, torch.Generator().manual_seed(1))
    mean, deviation = process.predict(at)
    noiseless = (deviation.square() - process.scale**2 * process.kernel.noise).sqrt()
    np.testing.assert_allclose(samples.mean(0), mean, atol=0.1 * noiseless.max().item())
    np.testing.assert_allclose(samples.std(0), noiseless, rtol=0.1)


def test_one_observation_more_is_the_same_as_conditioning_on_all(points: np.ndarray, process: LatentProcess) -> None:
    new = torch.tensor([0.2, 0.4, 0.9], dtype=torch.float64)
    grown = process.observing(new, 0.65)
    covariance = process.kernel.of_observations(torch.cat([process.points, new[None]]))
    np.testing.assert_allclose(grown.factor, torch.linalg.cholesky(covariance), atol=1e-8)
    assert abs(grown.predict(new[None])[0].item() - 0.65) < abs(process.predict(new[None])[0].item() - 0.65)


def test_hyperparameters_stay_between_two_fits(points: np.ndarray) -> None:
    y = truth(points)
    scales = [LatentProcess.fitted(points[:rows], y[:rows] / y[:rows].std(), 3).kernel for rows in (50, 51, 60)]
    assert FIT_EVERY == 25
    # Standardisation moves with every point, so that length scales move a little.
    np.testing.assert_allclose(scales[1].lengthscale[0], scales[0].lengthscale[0], rtol=0.05)
    values = torch.from_numpy((y - y.mean()) / y.std())
    first = fit_kernel(torch.from_numpy(points), values)
    assert torch.equal(first.lengthscale, fit_kernel(torch.from_numpy(points), values).lengthscale)


def test_a_property_that_never_varies_is_no_trouble(points: np.ndarray) -> None:
    mean, deviation = LatentProcess.fitted(points, np.full(60, 0.5), 3).predict(torch.from_numpy(points[:2]))
    np.testing.assert_allclose(mean, 0.5)
    assert torch.isfinite(deviation).all()
