from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import MixtureSameFamily

from ganmdn.mixture import gaussian_mixture, sample_mixture


def draw_mixture(seed: int, inputs: int, components: int, dimension: int) -> MixtureSameFamily:
    rng = torch.Generator().manual_seed(seed)
    size = (inputs, components, dimension)
    means, sigmas = torch.randn(size, generator=rng), 0.05 + torch.rand(size, generator=rng)
    return gaussian_mixture(torch.randn(size[:2], generator=rng), means, sigmas)


def two_far_gaussians(weights: tuple[float, float]) -> MixtureSameFamily:
    means = torch.tensor([[[-100.0], [100.0]]])
    return gaussian_mixture(torch.tensor([weights]).log(), means, torch.full((1, 2, 1), 0.25))


def test_log_density_is_equation_3() -> None:
    logits = torch.tensor([[0.3, -1.0]])
    means, sigmas = torch.tensor([[[0.0, 1.0], [2.0, -1.0]]]), torch.tensor([[[0.5, 2.0], [1.0, 0.1]]])
    x = torch.tensor([[0.4, -0.7]])
    weights = np.exp([0.3, -1.0]) / np.exp([0.3, -1.0]).sum()
    gaussians = torch.exp(-(((x - means[0]) / sigmas[0]) ** 2) / 2) / (sigmas[0] * np.sqrt(2 * np.pi))
    expected = np.log((weights * gaussians.prod(dim=1).numpy()).sum())
    assert gaussian_mixture(logits, means, sigmas).log_prob(x).item() == pytest.approx(expected, rel=1e-5)


def test_samples_have_the_moments_of_the_mixture() -> None:
    mixture = draw_mixture(3, 1, 5, 2)
    samples = sample_mixture(mixture, 40_000, np.random.SeedSequence(0))
    assert samples.shape == (40_000, 2)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples.mean(axis=0), mixture.mean[0], atol=0.03)
    np.testing.assert_allclose(samples.var(axis=0), mixture.variance[0], rtol=0.04)


def test_authors_sampling_draws_one_component_with_the_square_root_of_sigma() -> None:
    mixture = two_far_gaussians((0.5, 0.5))
    centres = set()
    for key in range(12):
        samples = sample_mixture(mixture, 2000, np.random.SeedSequence(key), "authors")
        centres.add(round(float(np.median(samples)), -1))
        assert np.ptp(samples) < 10, "all samples of a call come from one component"
        assert samples.std() == pytest.approx(0.5, rel=0.08)
    assert centres == {-100.0, 100.0}


def test_component_sampling_draws_components_by_weight_with_sigma_itself() -> None:
    samples = sample_mixture(two_far_gaussians((0.2, 0.8)), 5000, np.random.SeedSequence(1))
    assert (samples > 0).mean() == pytest.approx(0.8, abs=0.03)
    assert (samples[samples > 0] - 100).std() == pytest.approx(0.25, rel=0.05)


def test_each_of_several_inputs_gives_a_sample_of_its_own() -> None:
    logits, sigmas = torch.zeros(3, 2), torch.full((3, 2, 1), 1e-3)
    means = torch.tensor([[0.0, 1.0], [10.0, 11.0], [20.0, 21.0]])[..., None]
    drawn = sample_mixture(gaussian_mixture(logits, means, sigmas), 3, np.random.SeedSequence(4))
    np.testing.assert_allclose(drawn[:, 0] // 9.5, [0, 1, 2], atol=1e-6)


def test_same_seed_same_samples() -> None:
    mixture = draw_mixture(0, 1, 4, 3)
    first, second, other = (sample_mixture(mixture, 9, np.random.SeedSequence(key)) for key in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_refusals_name_the_argument() -> None:
    with pytest.raises(ValueError, match=r"takes the mixture of 1 or 5 inputs, got \(2,\)"):
        sample_mixture(draw_mixture(0, 2, 3, 1), 5, np.random.SeedSequence(0))
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        sample_mixture(draw_mixture(0, 1, 3, 1), 0, np.random.SeedSequence(0))
    with pytest.raises(ValueError, match="sampling must be one of component, authors, got 'best'"):
        sample_mixture(draw_mixture(0, 1, 3, 1), 1, np.random.SeedSequence(0), "best")  # type: ignore[arg-type]
