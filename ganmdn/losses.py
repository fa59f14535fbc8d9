"""Losses of the GAN: adversarial, style and model collapse (Yang et al., J. Mech. Des. 140, 111416, reference [7])."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

STYLE_SCALE = 0.3
COLLAPSE_SCALE = 4e3
IMAGE_CHANNELS = 3  # the grey image repeated, as VGG-16 takes it
SMALLEST_SQUARE = 1e-24  # of norms: an image without features is similar to none


def adversarial_loss(logits: Tensor, real: bool) -> Tensor:
    """Mean binary cross-entropy of ``logits`` (B,) with the label "real" or "generated".

    Equation 2 of the paper, with the generator's loss as -log D(G(z)) (Goodfellow et al., section 3).
    """
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def feature_products(features: Tensor) -> tuple[Tensor, Tensor]:
    """All that the style and collapse losses need of one layer: inner products of its feature maps F.

    Both come from F as it is, and one gradient goes back into it: maps are large (67 MB for a batch of 64 images of
    128 x 128 pixels and 16 channels), so that every pass over one, and every copy, counts.

    Parameters
    ----------
    features
        (B, C, H, W).

    Returns
    -------
    tuple[Tensor, Tensor]
        Of images with each other, over channels and pixels, (B, B); of each image's channels with each other, over
        pixels, (B, C, C).
    """
    return _FeatureProducts.apply(features)


class _FeatureProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(features)
        images, channels = features.flatten(1), features.flatten(2)
        return images @ images.T, channels @ channels.transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_images: Tensor, by_channels: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        gradient = (by_channels + by_channels.transpose(1, 2)) @ features.flatten(2)
        gradient.flatten(1).addmm_(by_images + by_images.T, features.flatten(1))
        return gradient.view_as(features)


def gram_matrices(channel_products: Tensor) -> Tensor:
    """Gram matrices of features centred by the mean over channels, from those of the features as they are.

    Parameters
    ----------
    channel_products
        (B, C, C), from :func:`feature_products`.

    Returns
    -------
    Tensor
        (B, C, C).
    """
    by_row = channel_products - channel_products.mean(dim=1, keepdim=True)
    return by_row - by_row.mean(dim=2, keepdim=True)


def style_loss(generated: Sequence[Tensor], real: Sequence[Tensor], image_pixels: int) -> Tensor:
    """Style loss between image i of ``generated`` and image i of ``real``, averaged over i.

    sum over layers of 0.3 sum_cd (G_cd - R_cd)^2 / (4 * 3^2 * (H W)^2), with G and R the Gram matrices
    (Gatys et al., arXiv 1508.06576, equations 3 to 5).

    Parameters
    ----------
    generated, real
        Gram matrices of each layer, (B, C, C) with equal B.
    image_pixels
        H W, number of pixels of the image (not of the feature maps).
    """
    scale = STYLE_SCALE / (4 * IMAGE_CHANNELS**2 * image_pixels**2)
    layers = [(made - wanted).square().sum(dim=(1, 2)).mean() for made, wanted in zip(generated, real, strict=True)]
    return scale * torch.stack(layers).sum()


def collapse_loss(image_products: Sequence[Tensor]) -> Tensor:
    """Model-collapse loss of the features of one batch of generated images.

    sum over layers of 4e3 times the mean, over ordered pairs i != j, of the squared cosine similarity of the
    flattened features (the pulling-away term of Zhao et al., arXiv 1609.03126, equation 6).

    Parameters
    ----------
    image_products
        Inner products of the images' features in each layer, (B, B) with B > 1.
    """
    batch = len(image_products[0])
    if batch < 2:
        raise ValueError(f"the collapse loss compares images of a batch and needs at least 2, got {batch}")
    layers = []
    for products in image_products:
        squares = products.diagonal()
        similarity = products.square() / (squares[:, None] * squares).clamp_min(SMALLEST_SQUARE)
        layers.append((similarity.sum() - similarity.diagonal().sum()) / (batch * (batch - 1)))
    return COLLAPSE_SCALE * torch.stack(layers).sum()
