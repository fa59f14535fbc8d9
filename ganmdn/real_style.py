"""Gram matrices of the training images, to which the style loss compares: each image's are computed once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganmdn.losses import feature_products, gram_matrices

KEPT_BYTES = 2**28  # of all images' matrices; where they take more (VGG-16 and thousands of images) none is kept


class RealStyle:
    """The Gram matrices of chosen training images.

    An image's are computed from that image alone, so that they do not depend on the batches it came in: a training
    that was interrupted ends where an uninterrupted one does.

    Parameters
    ----------
    features
        Maps images (b, 1, H, W) in [-1, 1] to feature maps, layer by layer.
    images
        Training images, uint8 0/1 (N, H, H), on any device.
    device
        Where the features are.
    """

    def __init__(self, features: nn.Module, images: Tensor, device: torch.device) -> None:
        self._features, self._images, self._device = features, images, device
        first = self._compute(0)
        self._keeps = sum(gram.nbytes for gram in first) * len(images) <= KEPT_BYTES
        self._kept = {0: first}

    def grams(self, rows: Tensor) -> list[Tensor]:
        """Of the images ``rows`` (b,), for each layer (b, C, C)."""
        each = [self._grams(row) for row in rows.tolist()]
        return [torch.stack(layer) for layer in zip(*each, strict=True)]

    def _grams(self, row: int) -> list[Tensor]:
        if row in self._kept:
            return self._kept[row]
        grams = self._compute(row)
        if self._keeps:
            self._kept[row] = grams
        return grams

    def _compute(self, row: int) -> list[Tensor]:
        with torch.no_grad():
            maps = self._features(as_grey(self._images[row : row + 1], self._device))
            return [gram_matrices(feature_products(layer)[1])[0] for layer in maps]


def as_grey(images: Tensor, device: torch.device) -> Tensor:
    """Two-phase images (b, H, W) of 0 and 1 as the networks take them: float (b, 1, H, W) in {-1, 1}."""
    return images[:, None].to(device, torch.float32) * 2 - 1
