from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganmdn.losses import adversarial_loss, collapse_loss, feature_products, gram_matrices, style_loss

SHAPES = [(4, 3, 6, 5), (4, 7, 3, 2)]


def maps(seed: int) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.standard_normal(shape)) for shape in SHAPES]


def loop_gram(features: np.ndarray) -> np.ndarray:
    """One image's features, (C, H, W)."""
    channels, height, width = features.shape
    gram = np.zeros((channels, channels))
    for y in range(height):
        for x in range(width):
            pixel = features[:, y, x] - features[:, y, x].mean()
            for c in range(channels):
                for d in range(channels):
                    gram[c, d] += pixel[c] * pixel[d]
    return gram


def grams(layers: list[torch.Tensor]) -> list[torch.Tensor]:
    return [gram_matrices(feature_products(layer)[1]) for layer in layers]


def image_products(layers: list[torch.Tensor]) -> list[torch.Tensor]:
    return [feature_products(layer)[0] for layer in layers]


def test_the_gradient_of_the_feature_products_is_right() -> None:
    features = maps(5)[0].requires_grad_()
    assert torch.autograd.gradcheck(feature_products, [features])


def test_centring_after_the_products_keeps_single_precision() -> None:
    """Features with a mean of six standard deviations, as the random filters give."""
    features = 6 + torch.randn(2, 16, 64, 64, generator=torch.Generator().manual_seed(0))
    single, double = (grams([layer])[0] for layer in (features, features.double()))
    size = double.diagonal(dim1=1, dim2=2).mean()
    assert (single.double() - double).abs().max() < 1e-4 * size


def test_gram_matrices_match_their_definition() -> None:
    features = maps(0)[0]
    for made, image in zip(grams([features])[0], features, strict=True):
        np.testing.assert_allclose(made.numpy(), loop_gram(image.numpy()))


def test_style_loss_matches_its_definition() -> None:
    generated, real, pixels = maps(1), maps(2), 30
    expected = 0.0
    for made, wanted in zip(generated, real, strict=True):
        for i in range(len(made)):
            difference = loop_gram(made[i].numpy()) - loop_gram(wanted[i].numpy())
            expected += 0.3 * (difference**2).sum() / (4 * 3**2 * pixels**2) / len(made)
    assert float(style_loss(grams(generated), grams(real), pixels)) == pytest.approx(expected)
    assert float(style_loss(grams(generated), grams(generated), pixels)) == 0


def test_collapse_loss_matches_its_definition() -> None:
    features = maps(3)
    expected = 0.0
    for layer in features:
        rows = layer.numpy().reshape(len(layer), -1)
        similarities = [
            (rows[i] @ rows[j] / (np.linalg.norm(rows[i]) * np.linalg.norm(rows[j]))) ** 2
            for i in range(len(rows))
            for j in range(len(rows))
            if i != j
        ]
        expected += 4e3 * np.mean(similarities)
    assert float(collapse_loss(image_products(features))) == pytest.approx(expected)


def test_collapse_loss_is_largest_for_copies_and_zero_for_orthogonal_features() -> None:
    copies = [layer[:1].expand(3, -1, -1, -1) for layer in maps(4)]
    assert float(collapse_loss(image_products(copies))) == pytest.approx(2 * 4e3)
    assert float(collapse_loss(image_products([torch.eye(4).reshape(4, 4, 1, 1)]))) == 0


def test_an_image_without_features_is_similar_to_none() -> None:
    layer = torch.stack([torch.zeros(2, 3, 3), *maps(6)[0][:2, :2, :3, :3].float()]).requires_grad_()
    loss = collapse_loss(image_products([layer]))
    loss.backward()
    assert loss.item() == pytest.approx(collapse_loss(image_products([layer[1:]])).item() / 3, rel=1e-4)
    assert torch.isfinite(layer.grad).all()


def test_collapse_loss_needs_two_images() -> None:
    with pytest.raises(ValueError, match="needs at least 2, got 1"):
        collapse_loss(image_products([torch.ones(1, 2, 3, 3)]))


def test_adversarial_loss_is_cross_entropy() -> None:
    logits = torch.tensor([-1.5, 0.0, 30.0], dtype=torch.float64)
    on_real = np.mean([math.log1p(math.exp(-value)) for value in logits.tolist()])
    on_generated = np.mean([math.log1p(math.exp(value)) for value in logits.tolist()])
    assert float(adversarial_loss(logits, real=True)) == pytest.approx(on_real)
    assert float(adversarial_loss(logits, real=False)) == pytest.approx(on_generated)
