"""A convolutional network from an image to a property that the image's symmetries leave alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganmdn.forward_config import NetworkShape
from ganmdn.torus import wrapped

STEM_KERNEL = 5
HEAD_NEURONS = 64
FIRST_BRANCH = 0.3  # weight of a block's branch at the start, beside 1 for what goes past it
ROOT_FLOOR = 1e-3
SYMMETRIES = 8  # of the square


class PeriodicConvolution(nn.Module):
    """A convolution on a torus."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.border = kernel // 2
        self.convolution = nn.utils.skip_init(nn.Conv2d, inputs, outputs, kernel, stride=stride)

    def forward(self, images: Tensor, factor: Tensor | None = None) -> Tensor:
        """Maps (B, inputs, H, W) to (B, outputs, H / stride, W / stride), times a factor.

        The factor goes into the kernel, which is small: of maps it would cost a pass there and two back.
        """
        images = wrapped(images, self.border)
        if factor is None:
            return self.convolution(images)
        weight, bias = factor * self.convolution.weight, factor * self.convolution.bias
        return functional.conv2d(images, weight, bias, self.convolution.stride)


class Block(nn.Module):
    """A residual block without normalisation, which would take out how much there is of a pattern."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stride = 1 if inputs == outputs else 2
        self.first = PeriodicConvolution(inputs, outputs, 3, self.stride)
        self.second = PeriodicConvolution(outputs, outputs, 3)
        self.past = nn.Identity() if self.stride == 1 else nn.utils.skip_init(nn.Conv2d, inputs, outputs, 1)
        self.branch = nn.Parameter(torch.tensor(FIRST_BRANCH))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) to (B, outputs, H, W), of half the size where outputs differ from inputs."""
        branch = self.second(functional.silu(self.first(functional.silu(maps))), self.branch)
        past = functional.avg_pool2d(maps, 2) if self.stride == 2 else maps
        return self.past(past) + branch


class ImageNetwork(nn.Module):
    """Residual blocks with circular padding, means over the torus, and two dense layers.

    Parameters
    ----------
    shape
        Sizes.
    generator
        Draws the initial weights (He et al., arXiv 1502.01852). Torch's global generator is not touched.
    """

    def __init__(self, shape: NetworkShape, generator: torch.Generator) -> None:
        super().__init__()
        width = shape.channels
        self.stem = PeriodicConvolution(1, width, STEM_KERNEL)
        widths = [width] * shape.blocks + [2 * width]
        self.blocks = nn.Sequential(*(Block(*pair) for pair in pairwise(widths)))
        self.hidden = nn.utils.skip_init(nn.Linear, 4 * width, HEAD_NEURONS)
        self.output = nn.utils.skip_init(nn.Linear, HEAD_NEURONS, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Low-passed images (B, 1, n, n) of zero mean and unit variance to standardised properties (B,)."""
        maps = self.blocks(self.stem(images))
        power = maps.square().mean((2, 3)).add(ROOT_FLOOR).sqrt()
        pooled = torch.cat([functional.silu(maps).mean((2, 3)), power], dim=1)
        return self.output(functional.silu(self.hidden(pooled)))[:, 0]


def low_passed(images: np.ndarray, cell_px: int) -> np.ndarray:
    """Images (B, H, H) on a grid of cells of ``cell_px`` pixels, float32 (B, H / cell_px, H / cell_px).

    Cut off in the Fourier plane below the grid's highest frequency; averages over cells would alias.
    """
    if images.shape[1] != images.shape[2] or images.shape[1] % (2 * cell_px):
        raise ValueError(
            f"images must be square with a side that is a multiple of {2 * cell_px} for cell_px {cell_px}, "
            f"got shape {images.shape}"
        )
    side = images.shape[1] // cell_px
    half = side // 2
    spectrum = np.fft.rfft2(images.astype(np.float32)) / cell_px**2
    kept = np.zeros((len(images), side, half + 1), dtype=spectrum.dtype)
    kept[:, :half, :half] = spectrum[:, :half, :half]
    kept[:, side - half + 1 :, :half] = spectrum[:, spectrum.shape[1] - half + 1 :, :half]
    return np.fft.irfft2(kept, s=(side, side)).astype(np.float32)


def turned(images: Tensor, symmetry: int) -> Tensor:
    """Images (B, 1, n, n) under one of the eight symmetries of the square; 0 leaves them as they are."""
    if symmetry & 1:
        images = images.flip(2)
    if symmetry & 2:
        images = images.flip(3)
    return images.transpose(2, 3) if symmetry & 4 else images
