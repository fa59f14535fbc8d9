"""The MDN that the authors published for Data-II, read from their Keras file ``MDN_weights.h5``."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import torch

from ganmdn.mdn import DENSE_LAYERS, MdnShape, MixtureDensityNetwork

SHAPE = MdnShape(dimension=4, components=40, width=16)
KERAS_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
KERAS_DENSE = {"weight": "kernel", "bias": "bias"}


def load_authors_mdn(path: Path) -> MixtureDensityNetwork:
    """Read the published network; it comes in evaluation mode.

    Parameters
    ----------
    path
        ``MDN_weights.h5`` from the authors' repository (zyz293/GAN-MDN on GitHub).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no HDF5 file, or an array is missing or has another shape than the paper's network.
    """
    if not path.is_file():
        raise FileNotFoundError(f"weights must name MDN_weights.h5 from the authors' repository, no file {path}")
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path} is not an HDF5 file; was it downloaded as a web page?")
    mdn = MixtureDensityNetwork(SHAPE, torch.Generator())
    with h5py.File(path, "r") as file:
        for name, tensor in mdn.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(_keras_array(file, name, tuple(tensor.shape)))
    return mdn.eval()


def keras_name(name: str) -> tuple[str, str]:
    """Keras' layer and array for one of our parameters: ``dense.2.weight`` is (``dense_2``, ``kernel``).

    Keras counts layers of one kind, so the three heads are dense layers 4 to 6.
    """
    module, *rest = name.split(".")
    heads = {"means": DENSE_LAYERS, "sigmas": DENSE_LAYERS + 1, "logits": DENSE_LAYERS + 2}
    number = heads[module] if module in heads else int(rest[0])
    kind, arrays = ("batch_normalization", KERAS_NORM) if module == "norms" else ("dense", KERAS_DENSE)
    return (f"{kind}_{number}" if number else kind), arrays[rest[-1]]


def _keras_array(file: h5py.File, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The array behind our parameter ``name``, in our shape: Keras keeps kernels as (in, out)."""
    layer, array = keras_name(name)
    key = f"{layer}/{layer}/{array}:0"
    if key not in file:
        raise ValueError(f"{file.filename} must hold the paper's network, it has no array {key}")
    values = np.asarray(file[key], dtype=np.float32)
    if values.shape[::-1] != shape:
        raise ValueError(
            f"{key} in {file.filename} must have shape {shape[::-1]}, got {values.shape}; "
            "only the network for Data-II (z 2 x 2) was published"
        )
    return torch.from_numpy(values.T)
