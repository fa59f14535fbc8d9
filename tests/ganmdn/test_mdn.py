from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganmdn import mdn as mdn_module
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
    sigmas = mixture_at(mdn, 0.6).sigmas[0, :, 0].double()
    expected = torch.tensor([2.5 + 1, np.exp(-1.0), 1e-8], dtype=torch.float64)
    torch.testing.assert_close(sigmas, expected, rtol=1e-5, atol=0)


def test_likelihood_in_pieces_equals_the_mixtures(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(1)
    y, targets = torch.rand(12, generator=rng).double(), torch.randn(12, 5, generator=rng).double()
    mdn = make_mdn(5, 7).double()

    def value_and_gradients() -> list[torch.Tensor]:
        mdn.zero_grad()
        loss = -mdn.log_prob(y, targets).mean()
        loss.backward()
        return [loss.detach(), *(parameter.grad.clone() for parameter in mdn.parameters())]

    whole = value_and_gradients()
    torch.testing.assert_close(whole[0], -mdn(y).log_prob(targets).mean().detach())
    monkeypatch.setattr(mdn_module, "ELEMENTS_AT_ONCE", 1)
    for in_pieces, at_once in zip(value_and_gradients(), whole, strict=True):
        torch.testing.assert_close(in_pieces, at_once)


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
    with pytest.raises(ValueError, match="y must be finite, got nan"):
        sample(make_mdn(), float("nan"), 3, np.random.SeedSequence(0))
