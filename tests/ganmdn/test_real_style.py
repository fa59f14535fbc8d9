from __future__ import annotations

import numpy as np
import pytest
import torch

from ganmdn import real_style
from ganmdn.features import RandomFeatures, make_features
from ganmdn.losses import feature_products, gram_matrices
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures
from ganmdn.real_style import RealStyle, as_grey

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.from_numpy(draw_microstructures(32, MicrostructureRanges(), np.random.SeedSequence(0), range(6))[0])


@pytest.mark.parametrize("kept_bytes", [0, 2**20])
def test_gram_matrices_are_those_of_the_chosen_images(
    images: torch.Tensor, kept_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real_style, "KEPT_BYTES", kept_bytes)
    bank = make_features(RandomFeatures(4))
    rows = torch.tensor([4, 0, 4])
    grams = RealStyle(bank, images, CPU).grams(rows)
    expected = [gram_matrices(feature_products(layer)[1]) for layer in bank(as_grey(images[rows], CPU))]
    for made, wanted in zip(grams, expected, strict=True):
        assert made.shape == (3, 4, 4)
        torch.testing.assert_close(made, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


def test_they_do_not_depend_on_what_was_asked_before_and_are_computed_once(images: torch.Tensor) -> None:
    bank = make_features(RandomFeatures(4))
    seen: list[int] = []
    bank.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    first = RealStyle(bank, images, CPU)
    first.grams(torch.arange(6))
    again = first.grams(torch.tensor([5, 2]))
    assert seen == [1] * 6
    second = RealStyle(bank, images, CPU)
    for made, wanted in zip(again, second.grams(torch.tensor([5, 2])), strict=True):
        assert torch.equal(made, wanted)


def test_grey_images_are_minus_one_and_one(images: torch.Tensor) -> None:
    grey = as_grey(images, CPU)
    assert grey.shape == (6, 1, 32, 32)
    assert torch.equal(grey[:, 0] > 0, images.bool())
    assert set(grey.unique().tolist()) == {-1.0, 1.0}
