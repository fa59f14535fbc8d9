"""The authors' published generator: its weights in our network, checked against their published images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch

from ganmdn.array_pickle import Arrays, read_arrays
from ganmdn.networks import Generator, generate_images

BATCH_NORM_NAMES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def load_authors_generator(path: Path) -> Generator:
    """The authors' trained generator from their ``weights.pickle``, in evaluation mode.

    Raises
    ------
    UnsafePickleError
        If the file asks for anything but NumPy arrays; nothing of it is run.
    ValueError
        If an array is missing or has the wrong shape.
    """
    generator = Generator()
    dictionaries = read_arrays(path)
    state = generator.state_dict()
    for key, tensor in state.items():
        if not key.endswith("num_batches_tracked"):
            state[key] = _array(dictionaries, key, tensor.shape, path)
    generator.load_state_dict(state)
    return generator.eval()


def _array(dictionaries: tuple[Arrays, Arrays, Arrays], key: str, shape: torch.Size, path: Path) -> torch.Tensor:
    """The authors' array behind our parameter ``key``, in our order of axes."""
    which, name = _source(key)
    arrays = dictionaries[which]
    if name not in arrays:
        raise ValueError(f"{path} lacks the array {name!r}; it holds {', '.join(sorted(arrays)) or 'none'}")
    array = arrays[name]
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)  # TensorFlow keeps (kh, kw, out, in), torch (in, out, kh, kw)
    if array.shape != tuple(shape):
        raise ValueError(f"{path}: {name} has shape {arrays[name].shape}, which does not fit {key} {tuple(shape)}")
    return torch.tensor(array.astype(np.float32))


def _source(key: str) -> tuple[int, str]:
    """Where a torch state key comes from: which of the three dictionaries, and the authors' name in it."""
    module, index, parameter = key.split(".")
    number = int(index) + 1
    if module == "norms":
        return 2, f"G_BN{number}_{BATCH_NORM_NAMES[parameter]}"
    return (0, f"G_conv{number}_weights") if parameter == "weight" else (1, f"G_conv{number}_bias")


@dataclass(frozen=True)
class PublishedData:
    """The authors' published examples.

    Attributes
    ----------
    z
        Latent variables, float64 (n, h, w).
    images
        uint8 0/1, (n, H, W).
    absorption
        Simulated optical absorption y, float64 (n,).
    """

    z: np.ndarray
    images: np.ndarray
    absorption: np.ndarray


def read_published_data(path: Path) -> PublishedData:
    """Read the authors' HDF5 data set (``z``, ``x``, ``y``).

    Raises
    ------
    ValueError
        If a data set is missing, lengths differ, or the images are not 0/1.
    """
    with h5py.File(path, "r") as file:
        if missing := [name for name in ("z", "x", "y") if name not in file]:
            raise ValueError(f"{path} must hold z, x and y, missing {', '.join(missing)}; it holds {', '.join(file)}")
        z, images, absorption = (np.asarray(file[name]) for name in ("z", "x", "y"))
    if z.ndim != 3 or images.ndim != 3 or absorption.ndim != 1 or len({*map(len, (z, images, absorption))}) != 1:
        raise ValueError(
            f"{path}: z, x and y must be (n, h, w), (n, H, W) and (n,), "
            f"got {z.shape}, {images.shape}, {absorption.shape}"
        )
    if not np.isin(images, (0, 1)).all():
        raise ValueError(f"{path}: x must be 0/1 images, got values from {images.min()} to {images.max()}")
    return PublishedData(z.astype(np.float64), images.astype(np.uint8), absorption.astype(np.float64))


@dataclass(frozen=True)
class VerificationResult:
    """How well the published generator makes the published images from the published z.

    Attributes
    ----------
    images
        How many were compared.
    identical
        How many agree in every pixel.
    pixel_agreement
        Share of all pixels that agree.
    """

    images: int
    identical: int
    pixel_agreement: float


def verify_authors(weights: Path, data: Path) -> VerificationResult:
    """Make the published images again and compare them pixel for pixel.

    Raises
    ------
    ValueError
        As :func:`load_authors_generator` and :func:`read_published_data`, or if there are no images, or z and
        image sizes do not belong together.
    """
    published = read_published_data(data)
    if not len(published.z):
        raise ValueError(f"{data} holds no examples to compare with")
    made = generate_images(load_authors_generator(weights), published.z)
    if made.shape != published.images.shape:
        raise ValueError(
            f"{data}: z of shape {published.z.shape} makes images {made.shape}, got x {published.images.shape}"
        )
    agree = made == published.images
    return VerificationResult(len(made), int(agree.all(axis=(1, 2)).sum()), float(agree.mean()))
