"""The GAN's two networks (paper, appendix "Generative adversarial network") and images from latent variables."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from ganmdn.binarise import binarise
from ganmdn.torus import wrapped

GENERATOR_FILTERS = (128, 64, 32, 16, 1)
DISCRIMINATOR_FILTERS = (16, 32, 64, 128)
UPSAMPLING = 2 ** len(GENERATOR_FILTERS)  # pixels per latent cell and axis
LEAKY_SLOPE = 0.2
# TensorFlow's defaults, with which the authors trained; torch counts momentum as the weight of the new batch.
BATCH_NORM_EPS = 1e-3
BATCH_NORM_MOMENTUM = 0.01
INITIAL_STD = 0.02  # Radford et al., arXiv 1511.06434, section 4
# The generator's last layer starts wider, so that its first images already span [-1, 1]: the discriminator tells
# grey images from two-phase ones at once, and then has nothing to teach.
LAST_LAYER_STD = 0.1
IMAGES_AT_ONCE = 8  # twice as quick in float64 on one core as 256

Variant = Literal["paper", "matched"]
"""``paper``: the paper's networks. ``matched``: the same layers, but images are periodic, as the simulations take them,
the first latent variables are shown to every cell beside the cell's own, and grey images are smoothed.

A fully convolutional generator averages over its independent cells, the more so the larger the image: it cannot make
images whose volume fractions spread as those of its training images do, nor at another size as at the one it was
trained at. A variable that all cells share can stand for what the whole image has in common.

Nothing in the last layer keeps a pixel from being unlike all its neighbours, which no microstructure has: a binomial
filter does.
"""
SHARED = 2  # latent variables that all cells share
BINOMIAL = (0.25, 0.5, 0.25)  # of the filter along each axis: it takes out what changes from pixel to pixel
LATENT_CHANNELS: dict[Variant, int] = {"paper": 1, "matched": 1 + SHARED}


def _downsampling(inputs: int, outputs: int) -> nn.Module:
    """Kernel 4, stride 2; padding 1 is TensorFlow's 'same'. Leaves the global random state alone."""
    return nn.utils.skip_init(nn.Conv2d, inputs, outputs, kernel_size=4, stride=2, padding=1)


def _upsampling(inputs: int, outputs: int, periodic: bool) -> nn.Module:
    """Kernel 4, stride 2, to twice the size as :func:`_downsampling`; a periodic layer takes ``wrapped`` input."""
    padding = 3 if periodic else 1  # takes off what the wrapped border of one cell adds
    return nn.utils.skip_init(nn.ConvTranspose2d, inputs, outputs, kernel_size=4, stride=2, padding=padding)


def _with_shared(z: Tensor) -> Tensor:
    """Latent variables (B, 1, h, w), and beside each cell's own the first ``SHARED`` of all, (B, 1 + SHARED, h, w)."""
    first = z.flatten(start_dim=1)[:, :SHARED]
    if first.shape[1] < SHARED:  # a single cell
        first = first.expand(-1, SHARED)
    return torch.cat([z, first[:, :, None, None].expand(-1, -1, *z.shape[2:])], dim=1)


def _batch_norm(filters: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(filters, BATCH_NORM_EPS, BATCH_NORM_MOMENTUM)


def _initialise(network: nn.Module, rng: torch.Generator | None) -> torch.Generator:
    """Draw the weights as in DCGAN: N(0, 0.02) for kernels, N(1, 0.02) for batch-norm scales, zero biases.

    Returns the source of the draws, for those that follow.
    """
    rng = rng if rng is not None else torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, INITIAL_STD, generator=rng)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, INITIAL_STD, generator=rng)
    return rng


class Generator(nn.Module):
    """Latent variables to grey images: five transposed convolutions, each doubling the size.

    Fully convolutional, so one set of weights serves every latent size.

    Parameters
    ----------
    rng
        Source of the initial weights; a generator seeded with 0 if not given.
    variant
        Which network; see ``Variant``.
    """

    def __init__(self, rng: torch.Generator | None = None, variant: Variant = "paper") -> None:
        super().__init__()
        self.matched = variant == "matched"
        inputs = (LATENT_CHANNELS[variant], *GENERATOR_FILTERS[:-1])
        self.convolutions = nn.ModuleList(
            _upsampling(i, o, self.matched) for i, o in zip(inputs, GENERATOR_FILTERS, strict=True)
        )
        self.norms = nn.ModuleList(_batch_norm(filters) for filters in GENERATOR_FILTERS[:-1])
        rng = _initialise(self, rng)
        binomial = torch.tensor(BINOMIAL)
        # Among the weights, so that those of a network that does not smooth are not taken for this one's.
        self.register_buffer("smoothing", torch.outer(binomial, binomial)[None, None] if self.matched else None)
        self.smoothing: Tensor | None
        # Smoothing would take out most of what the wider start puts in.
        std = LAST_LAYER_STD if self.smoothing is None else LAST_LAYER_STD / float(self.smoothing.norm())
        nn.init.normal_(self.convolutions[-1].get_parameter("weight"), 0.0, std, generator=rng)

    def forward(self, z: Tensor) -> Tensor:
        """Map ``z`` (B, 1, h, w) to images (B, 1, 32 h, 32 w) in [-1, 1]."""
        features = _with_shared(z) if self.matched else z
        for convolution, norm in zip(self.convolutions[:-1], self.norms, strict=True):
            features = torch.relu(norm(convolution(self._input(features))))
        grey = self.convolutions[-1](self._input(features))
        if self.smoothing is not None:
            grey = nn.functional.conv2d(wrapped(grey, 1), self.smoothing)
        return torch.tanh(grey)

    def _input(self, features: Tensor) -> Tensor:
        return wrapped(features, 1) if self.matched else features


class Discriminator(nn.Module):
    """Images to one logit each: is the image real?

    Four strided convolutions with batch norm and leaky ReLU, then a convolution as large as its input.

    Parameters
    ----------
    image_px
        Side of the images, a multiple of 32.
    rng
        Source of the initial weights; a generator seeded with 0 if not given.
    """

    def __init__(self, image_px: int, rng: torch.Generator | None = None) -> None:
        super().__init__()
        latent_shape(image_px)  # the generator must be able to make such images
        inputs = (1, *DISCRIMINATOR_FILTERS[:-1])
        self.convolutions = nn.ModuleList(
            _downsampling(i, o) for i, o in zip(inputs, DISCRIMINATOR_FILTERS, strict=True)
        )
        self.norms = nn.ModuleList(_batch_norm(filters) for filters in DISCRIMINATOR_FILTERS)
        last_px = image_px // 2 ** len(DISCRIMINATOR_FILTERS)
        self.logit = nn.utils.skip_init(nn.Conv2d, DISCRIMINATOR_FILTERS[-1], 1, kernel_size=last_px)
        _initialise(self, rng)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 1, image_px, image_px) in [-1, 1] to logits (B,)."""
        features = images
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            features = nn.functional.leaky_relu_(norm(convolution(features)), LEAKY_SLOPE)
        return self.logit(features).flatten()


def latent_shape(image_px: int) -> tuple[int, int]:
    """Rows and columns of the latent z that generates images of ``image_px`` x ``image_px`` pixels."""
    if image_px < UPSAMPLING or image_px % UPSAMPLING:
        raise ValueError(f"image_px must be a positive multiple of {UPSAMPLING}, got {image_px}")
    return image_px // UPSAMPLING, image_px // UPSAMPLING


def generate_grey(generator: Generator, z: np.ndarray, batch: int = IMAGES_AT_ONCE) -> np.ndarray:
    """Grey images of ``z`` in float64, with the batch norms' running statistics; the network stays as it is.

    In float32 two processors round differently enough to move Otsu's threshold by a bin of its histogram, and with
    it some pixels of about one image in fifty.

    Parameters
    ----------
    generator
        The network, on any device that has float64.
    z
        Latent variables, (B, h, w).
    batch
        Images per forward pass; small ones stay in a processor's cache.

    Returns
    -------
    np.ndarray
        float64 (B, 32 h, 32 w) in [-1, 1].
    """
    return np.concatenate([*_grey_batches(generator, z, batch)])


def generate_images(generator: Generator, z: np.ndarray, batch: int = IMAGES_AT_ONCE) -> np.ndarray:
    """Two-phase images of ``z`` (B, h, w): :func:`generate_grey`, then Otsu's threshold; uint8 (B, H, W)."""
    return np.concatenate([binarise(grey) for grey in _grey_batches(generator, z, batch)])


def _grey_batches(generator: Generator, z: np.ndarray, batch: int) -> Iterator[np.ndarray]:
    """Grey images of ``batch`` latents at a time, float64."""
    if z.ndim != 3:
        raise ValueError(f"z must have shape (B, h, w), got {z.shape}")
    exact = copy.deepcopy(generator).double().eval()
    device = next(exact.parameters()).device
    for start in range(0, max(len(z), 1), batch):  # no latents make one empty batch
        chunk = torch.from_numpy(z[start : start + batch].astype(np.float64, order="C")).to(device)
        with torch.inference_mode():
            grey = exact(chunk[:, None])[:, 0].cpu().numpy()
        yield grey


def save_generator(generator: Generator, path: Path) -> None:
    """Write the generator's weights to ``path`` as a torch state dict."""
    torch.save(generator.state_dict(), path)


def load_generator(path: Path) -> Generator:
    """Read a generator written by :func:`save_generator`; nothing but tensors is unpickled.

    Raises
    ------
    ValueError
        If the file does not hold exactly this network's weights.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    try:
        generator = Generator(variant=_variant_of(state))
        generator.load_state_dict(state)
    except (RuntimeError, TypeError, KeyError) as error:
        raise ValueError(f"{path} does not hold the generator's weights: {error}") from error
    return generator.eval()


def _variant_of(state: dict[str, Tensor]) -> Variant:
    """Which network a state dict belongs to, by the channels that its first layer takes."""
    channels = len(state["convolutions.0.weight"])
    return next((name for name in get_args(Variant) if LATENT_CHANNELS[name] == channels), "paper")
