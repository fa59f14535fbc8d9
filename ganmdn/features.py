"""Feature maps on which the style and collapse losses are computed: VGG-16, or a seeded random-filter bank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

# Keras' name, index in torchvision's `features`, input and output channels
VGG16_LAYERS = (
    ("block1_conv1", 0, 3, 64),
    ("block1_conv2", 2, 64, 64),
    ("block2_conv1", 5, 64, 128),
    ("block2_conv2", 7, 128, 128),
)
VGG16_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
BANK_OCTAVES = 4
BANK_KERNEL = 5
BANK_BIAS = 6.0  # in standard deviations of a filter's response
BANK_GAIN = 16.0  # root of the sum over filters of their squared responses


@dataclass(frozen=True)
class RandomFeatures:
    """A fixed, seeded multi-scale random-filter bank (Ustyuzhaninov et al., arXiv 1606.00021).

    Attributes
    ----------
    filters
        Number of filters at each of the four scales.
    seed
        Seed of the filters.
    """

    kind: ClassVar[str] = "random"
    filters: int = 16
    seed: int = 0


@dataclass(frozen=True)
class Vgg16Features:
    """The first four convolution layers of VGG-16.

    Attributes
    ----------
    weights
        A torchvision state dict (.pth) or a Keras no-top file (.h5); None fetches torchvision's by torch.hub.
    """

    kind: ClassVar[str] = "vgg16"
    weights: Path | None = None


FeatureConfig = RandomFeatures | Vgg16Features


def feature_config(values: Mapping[str, Any]) -> FeatureConfig:
    """The configuration that ``values`` describe; ``kind`` (random, vgg16) tells which."""
    kinds: dict[str, type[RandomFeatures] | type[Vgg16Features]] = {c.kind: c for c in (RandomFeatures, Vgg16Features)}
    options = dict(values)
    kind = options.pop("kind", RandomFeatures.kind)
    if kind not in kinds:
        raise ValueError(f"features.kind must be one of {', '.join(kinds)}, got {kind!r}")
    return kinds[kind](**options)


class RandomFilterBank(nn.Module):
    """ReLU of Gaussian random filters on an image pyramid: four octaves, so filters of 5, 10, 20 and 40 pixels.

    Padding is circular, as the microstructures are periodic. The maps of octave l hold 4^l times fewer pixels
    and are scaled by 2^l, which makes sums over pixels (Gram matrices) comparable between octaves.

    The losses' constants were chosen for VGG-16, and two properties of the bank make them fit. A bias common to all
    filters makes the features of any two images nearly parallel, or the collapse loss outweighs the others and
    all-black and all-white images win; centring the features over channels takes it out of the style loss again. The
    gain, shared by the filters, brings the style loss of noise against a microstructure, weighted, to the size of
    the adversarial loss, whatever the number of filters.
    """

    def __init__(self, config: RandomFeatures) -> None:
        super().__init__()
        rng = np.random.default_rng(np.random.SeedSequence(config.seed))
        shape = (BANK_OCTAVES, config.filters, 1, BANK_KERNEL, BANK_KERNEL)
        filters = rng.standard_normal(shape, dtype=np.float32) / BANK_KERNEL  # unit response to unit white noise
        gain = BANK_GAIN / config.filters**0.5
        self.register_buffer("filters", torch.from_numpy(filters) * gain)
        self.register_buffer("bias", torch.full((config.filters,), BANK_BIAS * gain))
        self.filters: Tensor
        self.bias: Tensor

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (B, 1, H, W) in [-1, 1] to four feature maps (B, filters, H / 2^l, W / 2^l)."""
        maps = []
        pad = BANK_KERNEL // 2
        for octave, filters in enumerate(self.filters):
            if octave:
                images = functional.avg_pool2d(images, 2)
            wrapped = functional.pad(images, (pad,) * 4, mode="circular")
            # Scaling filters and bias instead of the maps saves a pass over them: ReLU is homogeneous.
            maps.append(_FilteredReLU.apply(wrapped, filters * 2**octave, self.bias * 2**octave))
        return maps


class _FilteredReLU(torch.autograd.Function):
    """ReLU of fixed filters on images of one channel, whose backward pass torch's convolution is slow at.

    Image by image, as a matrix product and a fold, it takes a fifth of the time on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
        maps = functional.conv2d(images, filters, bias).relu_()
        ctx.save_for_backward(maps, filters)
        ctx.image_size = images.shape[2:]
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        maps, filters = ctx.saved_tensors
        count, _, *kernel = filters.shape
        taps = filters.reshape(count, -1).T
        images = gradient.new_empty(len(gradient), 1, *ctx.image_size)
        for image, made, received in zip(images, maps, gradient, strict=True):
            columns = taps @ torch.where(made > 0, received, 0).reshape(count, -1)
            image.copy_(functional.fold(columns, ctx.image_size, kernel))
        return images, None, None


class Vgg16Bottom(nn.Module):
    """conv1_1, conv1_2, conv2_1 and conv2_2 of VGG-16 (Simonyan and Zisserman, arXiv 1409.1556), each with ReLU.

    The images enter as they are, in [-1, 1], repeated to three channels: the constants of the losses suit that
    range, so the classifier's own input normalisation is left out.
    """

    def __init__(self, weights: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        for name, _, inputs, outputs in VGG16_LAYERS:
            kernel, bias = weights[name]
            if kernel.shape != (outputs, inputs, 3, 3) or bias.shape != (outputs,):
                raise ValueError(
                    f"VGG-16's {name} must have a kernel ({outputs}, {inputs}, 3, 3) and {outputs} biases, "
                    f"got {tuple(kernel.shape)} and {tuple(bias.shape)}; check features.weights"
                )
            layer = nn.utils.skip_init(nn.Conv2d, inputs, outputs, kernel_size=3, padding=1)
            layer.load_state_dict({"weight": kernel, "bias": bias})
            self.convolutions.append(layer)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (B, 1, H, W) in [-1, 1] to feature maps of 64, 64, 128, 128 channels; the last two at H/2."""
        features = images.expand(-1, 3, -1, -1)
        maps = []
        for (name, *_), convolution in zip(VGG16_LAYERS, self.convolutions, strict=True):
            if name == "block2_conv1":
                features = functional.max_pool2d(features, 2)
            features = convolution(features).relu_()
            maps.append(features)
        return maps


def make_features(config: FeatureConfig) -> nn.Module:
    """Build the feature maps that ``config`` chooses, frozen and in evaluation mode.

    The module maps images (B, 1, H, W) in [-1, 1] to a list of four maps (B, C, h, w).

    Raises
    ------
    ValueError
        If the VGG-16 weights are missing, unreadable or of the wrong shape.
    """
    if isinstance(config, RandomFeatures):
        network: nn.Module = RandomFilterBank(config)
    else:
        network = Vgg16Bottom(read_vgg16(config.weights))
    return network.eval().requires_grad_(False)


def read_vgg16(path: Path | None) -> dict[str, tuple[Tensor, Tensor]]:
    """Kernels (out, in, 3, 3) and biases (out,) of the first four layers, by Keras' layer name.

    Parameters
    ----------
    path
        ``.h5`` is read as a Keras file, anything else as a torchvision state dict; None fetches the latter.
    """
    if path is not None and not Path(path).is_file():
        raise ValueError(f"features.weights must be a file, there is none at {path}")
    try:
        if path is not None and Path(path).suffix in (".h5", ".hdf5"):
            with h5py.File(path, "r") as file:
                return {name: _keras_layer(file, name) for name, *_ in VGG16_LAYERS}
        state = _fetch() if path is None else torch.load(path, map_location="cpu", weights_only=True)
        return {name: (state[f"features.{i}.weight"], state[f"features.{i}.bias"]) for name, i, *_ in VGG16_LAYERS}
    except KeyError as error:
        raise ValueError(
            f"features.weights: {path or VGG16_URL} lacks {error}; give a torchvision state dict or a Keras no-top file"
        ) from error


def _fetch() -> Mapping[str, Tensor]:
    try:
        return torch.hub.load_state_dict_from_url(VGG16_URL, map_location="cpu", progress=False, weights_only=True)
    except OSError as error:
        raise ValueError(
            f"the VGG-16 weights could not be fetched from {VGG16_URL} ({error}); "
            "set features.weights to a file that you have, or choose features of kind random"
        ) from error


def _keras_layer(file: h5py.File, name: str) -> tuple[Tensor, Tensor]:
    """Kernel and bias of one layer; how deep they lie and what they are called differs between Keras versions."""
    arrays: dict[int, np.ndarray] = {}

    def collect(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[item.ndim] = np.asarray(item, dtype=np.float32)

    file.get("model_weights", file)[name].visititems(collect)
    if not {1, 4} <= set(arrays):
        raise KeyError(f"{name} (kernel and bias)")
    return torch.from_numpy(arrays[4].transpose(3, 2, 0, 1).copy()), torch.from_numpy(arrays[1])
