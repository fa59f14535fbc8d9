"""What the generator is trained to lower: the paper's three losses, and what the ``matched`` variant adds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganmdn.features import make_features
from ganmdn.gan_config import GanConfig
from ganmdn.losses import adversarial_loss, collapse_loss, feature_products, gram_matrices, style_loss
from ganmdn.matching import FractionLoss, FrequencyLoss, SpectrumLoss, two_phase
from ganmdn.real_style import RealStyle, as_grey


class GeneratorLosses(nn.Module):
    """The losses of a configuration's variant by name, and their weighted sum.

    Parameters
    ----------
    config
        How to train.
    images
        The training images, uint8 0/1 (N, H, H).
    device
        Where the networks are.
    """

    def __init__(self, config: GanConfig, images: Tensor, device: torch.device) -> None:
        super().__init__()
        self.weights = {"adversarial": 1.0, "collapse": config.collapse_weight, "style": config.style_weight}
        self.features = make_features(config.features).to(device)
        self.images, self.device = images, device
        self.real_style = RealStyle(self.features, images, device)
        self.matched = config.variant == "matched"
        if self.matched:
            self.weights |= {"fraction": config.fraction_weight, "spectrum": config.spectrum_weight}
            latent = config.latent
            self.fraction = FractionLoss(images.numpy(), latent.low, latent.high).to(device)
            self.spectrum = SpectrumLoss(images.shape[-1]).to(device)
            if config.frequency_weight:
                self.weights["frequency"] = config.frequency_weight
                self.frequency = FrequencyLoss(images.numpy(), latent.low, latent.high).to(device)

    def forward(self, generated: Tensor, logits: Tensor, z: Tensor, real_rows: Tensor) -> dict[str, Tensor]:
        """Every loss of a batch, unweighted.

        Parameters
        ----------
        generated
            Images (B, 1, H, H) in [-1, 1].
        logits
            What the discriminator makes of them, (B,).
        z
            The latent variables that they were made from, (B, 1, h, h).
        real_rows
            Which training images they are compared with, (B,).
        """
        images, channels = zip(*map(feature_products, self.features(generated)), strict=True)
        grams = self.real_style.grams(real_rows)
        losses = {
            "adversarial": adversarial_loss(logits, real=True),
            "collapse": collapse_loss(images),
            "style": style_loss([*map(gram_matrices, channels)], grams, generated[0].numel()),
        }
        if self.matched:
            real = as_grey(self.images[real_rows], self.device)
            made = two_phase(generated)
            losses |= {"fraction": self.fraction(made, z), "spectrum": self.spectrum(made, real)}
            if "frequency" in self.weights:
                losses["frequency"] = self.frequency(made, z)
        return losses

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """Weighted sum of what :meth:`forward` returned."""
        return torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum()
