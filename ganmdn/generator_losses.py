"""What the generator is trained to lower: the paper's three losses, and what the ``matched`` variant adds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ganmdn.features import make_features
from ganmdn.gan_config import GanConfig
from ganmdn.losses import adversarial_loss, collapse_loss, style_loss
from ganmdn.matching import FractionLoss, SpectrumLoss


class GeneratorLosses(nn.Module):
    """The losses of a configuration's variant by name, and their weighted sum.

    Parameters
    ----------
    config
        How to train.
    images
        The training images, uint8 0/1 (N, H, H).
    """

    def __init__(self, config: GanConfig, images: np.ndarray) -> None:
        super().__init__()
        self.weights = {"adversarial": 1.0, "collapse": config.collapse_weight, "style": config.style_weight}
        self.features = make_features(config.features)
        self.matched = config.variant == "matched"
        if self.matched:
            self.weights |= {"fraction": config.fraction_weight, "spectrum": config.spectrum_weight}
            self.fraction = FractionLoss(images, config.latent.low, config.latent.high)
            self.spectrum = SpectrumLoss(images.shape[-1])

    def forward(self, generated: Tensor, logits: Tensor, z: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Every loss of a batch, unweighted.

        Parameters
        ----------
        generated
            Images (B, 1, H, H) in [-1, 1].
        logits
            What the discriminator makes of them, (B,).
        z
            The latent variables that they were made from, (B, 1, h, h).
        real
            As many training images.
        """
        features = self.features(generated)
        losses = {
            "adversarial": adversarial_loss(logits, real=True),
            "collapse": collapse_loss(features),
            "style": style_loss(features, self.features(real), real[0].numel()),
        }
        if self.matched:
            losses |= {"fraction": self.fraction(generated, z), "spectrum": self.spectrum(generated, real)}
        return losses

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of what :meth:`forward` returned."""
        return torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()
