from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from ganmdn import mdn as mdn_module
from ganmdn import pixel_density
from ganmdn.mdn import MdnShape, MixtureDensityNetwork, load_mdn, mixture_at, sample, save_mdn


def make_mdn(dimension: int = 4, components: int = 40, seed: int = 0) -> MixtureDensityNetwork:
    shape = MdnShape(dimension, components)
    return MixtureDensityNetwork(shape, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dimension", [4, 9])
def test_layers_are_the_papers(dimension: int) -> None:
    mdn = make_mdn(dimension)
    assert [layer.in_features for layer in mdn.dense] == [1, 17, 33, 49]
    heads = mdn.means.out_features + mdn.sigmas.out_features + mdn.logits.out_features
    assert heads == 40 * (1 + 2 * dimension)  # equation 5
    assert {norm.eps for norm in mdn.norms} == {1e-3}
    assert {norm.momentum for norm in mdn.norms} == {0.01}


def test_sigmas_are_elu_plus_one_and_stay_above_zero() -> None:
    mdn = make_mdn(1, 3).eval()
    with torch.no_grad():
        mdn.sigmas.weight.zero_()
        mdn.sigmas.bias.copy_(torch.tensor([2.5, -1.0, -40.0]))
    sigmas = mixture_at(mdn, np.array([0.6])).component_distribution.stddev[0, :, 0]
    expected = torch.tensor([2.5 + 1, np.exp(-1.0), 1e-8], dtype=torch.float64)
    torch.testing.assert_close(sigmas, expected, rtol=1e-5, atol=0)


def test_the_mixture_for_designs_is_in_float64_and_leaves_the_network_as_it_is() -> None:
    mdn = make_mdn(3, 5).train()
    mixture = mixture_at(mdn, np.array([0.6]))
    assert mixture.mean.dtype == torch.float64
    assert mdn.training
    assert {parameter.dtype for parameter in mdn.parameters()} == {torch.float32}
    torch.testing.assert_close(mixture.mean.float(), mdn.eval()(torch.tensor([0.6])).mean)


@pytest.mark.parametrize("at_once", [1, 48, 10_000])  # pixels in pieces of 4, one of 4 and one of 3, and all 7
def test_likelihood_by_hand_equals_the_mixtures(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(1)
    y, targets = torch.rand(12, generator=rng).double(), torch.randn(12, 7, generator=rng).double()
    mdn = make_mdn(7, 5).double()
    with torch.no_grad():  # standard deviations on both branches of ELU, and a Gaussian that no target is near
        mdn.sigmas.bias.copy_(torch.randn(35, generator=rng))
        mdn.means.bias[:7] = 1e4

    def value_and_gradients() -> list[torch.Tensor]:
        mdn.zero_grad()
        loss = -mdn.log_prob(y, targets).mean()
        loss.backward()
        return [loss.detach(), *(parameter.grad.clone() for parameter in mdn.parameters())]

    whole = value_and_gradients()
    torch.testing.assert_close(whole[0], -mdn(y).log_prob(targets).mean().detach())
    monkeypatch.setattr(mdn_module, "DISTRIBUTIONS_UP_TO", 1)
    monkeypatch.setattr(pixel_density, "ELEMENTS_AT_ONCE", at_once)
    for by_hand, expected in zip(value_and_gradients(), whole, strict=True):
        torch.testing.assert_close(by_hand, expected)


def test_density_of_an_image_of_pixels_is_right_to_six_digits() -> None:
    rng = torch.Generator().manual_seed(0)
    mdn = make_mdn(9216, 3).eval()
    with torch.no_grad():
        mdn.sigmas.bias.copy_(torch.randn(3 * 9216, generator=rng) - 3)
    y, images = torch.rand(2, generator=rng), (torch.rand(2, 9216, generator=rng) < 0.3).float()
    with torch.no_grad():
        exact = copy.deepcopy(mdn).double()(y.double()).log_prob(images.double())
        torch.testing.assert_close(mdn.log_prob(y, images).double(), exact, rtol=1e-6, atol=0)


def test_building_and_loading_leave_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    save_mdn(make_mdn(), tmp_path / "mdn.pt")
    load_mdn(tmp_path / "mdn.pt")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_saved_and_loaded_networks_agree(tmp_path: Path) -> None:
    mdn = make_mdn(9, 10)
    mdn(torch.rand(64))  # moves the batch norms' statistics
    save_mdn(mdn, tmp_path / "mdn.pt")
    loaded = load_mdn(tmp_path / "mdn.pt")
    assert loaded.shape == mdn.shape
    seed = np.random.SeedSequence(2)
    np.testing.assert_array_equal(sample(loaded, 0.6, 20, seed), sample(mdn, 0.6, 20, seed))


def test_refusals_name_the_argument() -> None:
    with pytest.raises(ValueError, match="components must be at least 1, got 0"):
        MdnShape(4, 0)
    with pytest.raises(ValueError, match="target must be finite, got nan"):
        sample(make_mdn(), float("nan"), 3, np.random.SeedSequence(0))


def test_measured_norms_are_those_of_all_properties_at_once() -> None:
    network = MixtureDensityNetwork(MdnShape(3, components=2), torch.Generator().manual_seed(0))
    y = torch.rand(5000, generator=torch.Generator().manual_seed(1))
    before = [norm.momentum for norm in network.norms]
    network.measure_norms(y)
    assert [norm.momentum for norm in network.norms] == before
    with torch.no_grad():
        at_inference, trained = network.eval()(y).mean, network.train()(y).mean
    torch.testing.assert_close(at_inference, trained, rtol=0, atol=5e-3)  # variances have n - 1 for n
