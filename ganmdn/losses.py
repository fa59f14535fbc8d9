"""Losses of the GAN: adversarial, style and model collapse (Yang et al., J. Mech. Des. 140, 111416, reference [7])."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

STYLE_SCALE = 0.3
COLLAPSE_SCALE = 4e3
IMAGE_CHANNELS = 3  # the grey image repeated, as VGG-16 takes it


def adversarial_loss(logits: Tensor, real: bool) -> Tensor:
    """Mean binary cross-entropy of ``logits`` (B,) with the label "real" or "generated".

    Equation 2 of the paper, with the generator's loss as -log D(G(z)) (Goodfellow et al., section 3).
    """
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def gram_matrices(features: Tensor) -> Tensor:
    """Gram matrices F F^T of feature maps F (channels x pixels), centred by the mean over channels.

    Parameters
    ----------
    features
        (B, C, H, W).

    Returns
    -------
    Tensor
        (B, C, C).
    """
    centred = (features - features.mean(dim=1, keepdim=True)).flatten(start_dim=2)
    return centred @ centred.transpose(1, 2)


def style_loss(generated: Sequence[Tensor], real: Sequence[Tensor], image_pixels: int) -> Tensor:
    """Style loss between image i of ``generated`` and image i of ``real``, averaged over i.

    sum over layers of 0.3 sum_cd (G_cd - R_cd)^2 / (4 * 3^2 * (H W)^2), with G and R the Gram matrices
    (Gatys et al., arXiv 1508.06576, equations 3 to 5).

    Parameters
    ----------
    generated, real
        Feature maps of each layer, (B, C, h, w) with equal B.
    image_pixels
        H W, number of pixels of the image (not of the feature maps).
    """
    scale = STYLE_SCALE / (4 * IMAGE_CHANNELS**2 * image_pixels**2)
    layers = [
        (gram_matrices(made) - gram_matrices(wanted)).square().sum(dim=(1, 2)).mean()
        for made, wanted in zip(generated, real, strict=True)
    ]
    return scale * torch.stack(layers).sum()


def collapse_loss(features: Sequence[Tensor]) -> Tensor:
    """Model-collapse loss of the features of one batch of generated images.

    sum over layers of 4e3 times the mean, over ordered pairs i != j, of the squared cosine similarity of the
    flattened features (the pulling-away term of Zhao et al., arXiv 1609.03126, equation 6).

    Parameters
    ----------
    features
        Feature maps of each layer, (B, C, h, w) with B > 1.
    """
    batch = len(features[0])
    if batch < 2:
        raise ValueError(f"the collapse loss compares images of a batch and needs at least 2, got {batch}")
    layers = []
    for layer in features:
        directions = functional.normalize(layer.flatten(start_dim=1), dim=1)
        similarity = (directions @ directions.T).square()
        layers.append((similarity.sum() - similarity.diagonal().sum()) / (batch * (batch - 1)))
    return COLLAPSE_SCALE * torch.stack(layers).sum()
