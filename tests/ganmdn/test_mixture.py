from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions

from ganmdn.mixture import GaussianMixture, log_density


def draw_mixture(seed: int, inputs: int, components: int, dimension: int) -> GaussianMixture:
    rng = torch.Generator().manual_seed(seed)
    size = (inputs, components, dimension)
    return GaussianMixture(
        torch.log_softmax(torch.randn(size[:2], generator=rng), dim=1),
        torch.randn(size, generator=rng),
        0.05 + torch.rand(size, generator=rng),
    )


def as_torch_distribution(mixture: GaussianMixture) -> distributions.MixtureSameFamily:
    components = distributions.Independent(distributions.Normal(mixture.means, mixture.sigmas), 1)
    return distributions.MixtureSameFamily(distributions.Categorical(logits=mixture.log_weights), components)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 6), st.integers(1, 9))
def test_likelihood_and_moments_are_those_of_torch(seed: int, inputs: int, components: int, dimension: int) -> None:
    mixture = draw_mixture(seed, inputs, components, dimension)
    reference = as_torch_distribution(mixture)
    targets = torch.randn((inputs, dimension), generator=torch.Generator().manual_seed(seed + 1))
    torch.testing.assert_close(mixture.log_prob(targets), reference.log_prob(targets), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(mixture.mean(), reference.mean)
    torch.testing.assert_close(mixture.variance(), reference.variance, rtol=1e-3, atol=1e-5)


def test_density_of_an_image_of_pixels_is_right_to_seven_digits() -> None:
    rng = torch.Generator().manual_seed(0)
    targets, means = torch.rand(2, 9216, generator=rng), torch.rand(2, 9216, generator=rng)
    sigmas = 0.1 + torch.rand(2, 9216, generator=rng)
    exact = distributions.Normal(means.double(), sigmas.double()).log_prob(targets.double()).sum(-1)
    torch.testing.assert_close(log_density(targets, means, sigmas).double(), exact, rtol=1e-6, atol=0)


def test_samples_have_the_moments_of_the_mixture() -> None:
    mixture = draw_mixture(3, 1, 5, 2)
    samples = mixture.sample(40_000, np.random.SeedSequence(0))
    assert samples.shape == (40_000, 2)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples.mean(axis=0), mixture.mean()[0], atol=0.03)
    np.testing.assert_allclose(samples.var(axis=0), mixture.variance()[0], rtol=0.04)


def test_authors_sampling_draws_one_component_with_the_square_root_of_sigma() -> None:
    means = torch.tensor([[[-100.0], [100.0]]])
    mixture = GaussianMixture(torch.log(torch.tensor([[0.5, 0.5]])), means, torch.full((1, 2, 1), 0.25))
    centres = set()
    for key in range(12):
        samples = mixture.sample(2000, np.random.SeedSequence(key), "authors")
        centres.add(round(float(np.median(samples)), -1))
        assert np.ptp(samples) < 10, "all samples of a call come from one component"
        assert samples.std() == pytest.approx(0.5, rel=0.08)
    assert centres == {-100.0, 100.0}


def test_component_sampling_draws_components_by_weight_with_sigma_itself() -> None:
    means = torch.tensor([[[-100.0], [100.0]]])
    mixture = GaussianMixture(torch.log(torch.tensor([[0.2, 0.8]])), means, torch.full((1, 2, 1), 0.25))
    samples = mixture.sample(5000, np.random.SeedSequence(1))
    assert (samples > 0).mean() == pytest.approx(0.8, abs=0.03)
    assert (samples[samples > 0] - 100).std() == pytest.approx(0.25, rel=0.05)


def test_same_seed_same_samples() -> None:
    mixture = draw_mixture(0, 1, 4, 3)
    first, second, other = (mixture.sample(9, np.random.SeedSequence(key)) for key in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_refusals_name_the_argument() -> None:
    with pytest.raises(ValueError, match="takes the mixture of one input, got 2"):
        draw_mixture(0, 2, 3, 1).sample(1, np.random.SeedSequence(0))
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        draw_mixture(0, 1, 3, 1).sample(0, np.random.SeedSequence(0))
    with pytest.raises(ValueError, match="sampling must be one of component, authors, got 'best'"):
        draw_mixture(0, 1, 3, 1).sample(1, np.random.SeedSequence(0), "best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"log_weights must have shape \(B, K\) = \(1, 3\), got \(1, 2\)"):
        GaussianMixture(torch.zeros(1, 2), torch.zeros(1, 3, 4), torch.ones(1, 3, 4))
    with pytest.raises(ValueError, match=r"means and sigmas must both have shape \(B, K, M\)"):
        GaussianMixture(torch.zeros(1, 3), torch.zeros(1, 3, 4), torch.ones(1, 3, 5))
