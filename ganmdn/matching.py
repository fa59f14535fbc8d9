"""Losses of the ``matched`` variant: the spread of statistics over the generated images is that of the real ones.

Neither the discriminator nor the style loss sees that the volume fractions of a generator's images spread too little:
each image on its own looks right. The losses here compare distributions: of the volume fraction, of the spectral
density, which the two-point correlation is the Fourier transform of, and of its dominant frequency.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ganmdn.binarise import otsu_thresholds

IMAGES_PER_CHUNK = 256  # bounds the memory of the Fourier transforms
SHARPNESS = 2.0  # of the smooth step whose gradient stands for that of the threshold


def two_phase(grey: Tensor) -> Tensor:
    """The images that the threshold makes of grey ones (B, 1, H, W), -1 and 1, with a gradient that goes back.

    What is measured is what will be used: a smooth stand-in for the threshold has softer edges than the images, so
    that a generator that matched its spectral density made edges too rough. The gradient is that of a smooth step at
    the same threshold (the straight-through estimator, Bengio et al., arXiv 1308.3432, section 4).
    """
    values = grey.detach()[:, 0].cpu().numpy()
    if not np.isfinite(values).all():
        return grey  # the losses are no numbers either, and the training says so
    levels = torch.from_numpy(otsu_thresholds(values)).to(grey)[:, None, None, None]
    smooth = torch.tanh(SHARPNESS * (grey - levels))
    return smooth + (torch.where(grey > levels, 1.0, -1.0) - smooth).detach()


class QuantileLoss(nn.Module):
    """How far a statistic of each image is from the one that one of its latent variables stands for.

    A share u of the latent variables lies below that of an image; the value wanted of it is the one that a share u of
    the real images lie below. So the values of all images spread as the real ones do, whatever the size, and the latent
    variable tells an image's value.

    Parameters
    ----------
    values
        The statistic of the training images, (N,), N at least 2.
    latent
        Number of the latent variable, from 0; one that all cells share.
    low, high
        Range of the latent variables, which are uniform.
    """

    def __init__(self, values: Tensor, latent: int, low: float, high: float) -> None:
        super().__init__()
        self.register_buffer("values", values.sort().values.float())
        self.latent, self.low, self.high = latent, low, high
        self.values: Tensor

    def wanted(self, variables: Tensor) -> Tensor:
        """The statistic of images with these values of the latent variable, (B,)."""
        place = (variables - self.low) / (self.high - self.low) * (len(self.values) - 1)
        below = place.floor().long().clamp(0, len(self.values) - 2)
        return torch.lerp(self.values[below], self.values[below + 1], place - below)

    def forward(self, found: Tensor, z: Tensor) -> Tensor:
        """Mean absolute error of the statistic (B,) of images made from ``z`` (B, 1, h, w)."""
        return (found - self.wanted(z.flatten(start_dim=1)[:, self.latent])).abs().mean()


class FractionLoss(QuantileLoss):
    """The first latent variable tells the volume fraction, here as the mean grey of a two-phase image in [-1, 1].

    Parameters
    ----------
    images
        The training images, uint8 0/1 (N, H, W), N at least 2.
    low, high
        Range of the latent variables, which are uniform.
    """

    def __init__(self, images: np.ndarray, low: float, high: float) -> None:
        fractions = torch.from_numpy(images.mean(axis=(1, 2), dtype=np.float64))
        super().__init__(2 * fractions - 1, 0, low, high)

    def forward(self, generated: Tensor, z: Tensor) -> Tensor:
        """Mean absolute error of the mean of two-phase images (B, 1, H, W), made from ``z`` (B, 1, h, w)."""
        return super().forward(generated.mean(dim=(1, 2, 3)), z)


class SpectrumLoss(nn.Module):
    """Wasserstein-1 distance between the spectral densities of a generated and a real batch of the same size.

    It is taken ring by ring over the images of the batches, which sorting solves, averaged over rings, in units of the
    real batch's standard deviation: what ``ganmdn.generator_quality.curve_distance`` measures on whole sets.

    Parameters
    ----------
    image_px
        Side of the images.
    """

    def __init__(self, image_px: int) -> None:
        super().__init__()
        cycles = np.hypot(np.fft.fftfreq(image_px, 1 / image_px)[:, None], np.fft.rfftfreq(image_px, 1 / image_px))
        weight = np.full(cycles.shape, 2.0)  # rfft2 leaves out one of each pair of conjugates
        weight[:, [0, -1]] = 1.0  # columns that hold both; the last one since image_px is even
        rings = np.arange(1, image_px // 2 + 1)
        membership = (np.rint(cycles).ravel()[:, None] == rings) * weight.ravel()[:, None]
        self.register_buffer("membership", torch.from_numpy(membership).float())
        self.membership: Tensor

    def density(self, images: Tensor) -> Tensor:
        """Share of the variance in each ring, (B, H // 2): ``ganmdn.statistics.spectral_density`` of any images."""
        centred = images[:, 0] - images[:, 0].mean(dim=(1, 2), keepdim=True)
        power = torch.fft.rfft2(centred).abs().square().flatten(start_dim=1) @ self.membership
        return power / power.sum(dim=1, keepdim=True).clamp_min(torch.finfo(power.dtype).tiny)

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        """Distance between ``generated`` and ``real``, two-phase images (B, 1, H, W) each."""
        made, wanted = self.density(generated).sort(dim=0).values, self.density(real).sort(dim=0).values
        return (made - wanted).abs().mean() / wanted.std(dim=0).mean()


class FrequencyLoss(QuantileLoss):
    """The second latent variable tells how fine the texture is: the dominant frequency of its spectral density.

    The spectrum loss alone leaves the frequency of all images near the mean one: its gradient says of a batch that it
    should spread, and of no image which way. In units of the training images' standard deviation.

    Parameters
    ----------
    images
        The training images, uint8 0/1 (N, H, H), N at least 2, H at least 64: smaller ones have one latent variable.
    low, high
        Range of the latent variables, which are uniform.
    """

    def __init__(self, images: np.ndarray, low: float, high: float) -> None:
        spectrum = SpectrumLoss(images.shape[-1])
        chunks = torch.from_numpy(images).split(IMAGES_PER_CHUNK)
        values = torch.cat([dominant_frequency(spectrum.density(2.0 * chunk[:, None] - 1)) for chunk in chunks])
        super().__init__(values, 1, low, high)
        self.spectrum, self.unit = spectrum, float(values.std())

    def forward(self, generated: Tensor, z: Tensor) -> Tensor:
        """Mean absolute error of the dominant frequency of two-phase images (B, 1, H, H), made from ``z``."""
        return super().forward(dominant_frequency(self.spectrum.density(generated)), z) / self.unit


def dominant_frequency(density: Tensor) -> Tensor:
    """Where spectral densities (B, R) peak, in cycles an image: mean frequency weighted by their squares, (B,)."""
    weight = density.square()
    cycles = torch.arange(1, density.shape[1] + 1, dtype=density.dtype, device=density.device)
    return weight @ cycles / weight.sum(dim=1).clamp_min(torch.finfo(density.dtype).tiny)
