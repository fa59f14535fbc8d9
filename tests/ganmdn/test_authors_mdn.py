from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from ganmdn.authors_mdn import SHAPE, keras_name, load_authors_mdn
from ganmdn.mdn import MixtureDensityNetwork


def write_keras_file(path: Path, mdn: MixtureDensityNetwork) -> None:
    """What Keras would have written for ``mdn``."""
    with h5py.File(path, "w") as file:
        for name, tensor in mdn.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                layer, array = keras_name(name)
                file[f"{layer}/{layer}/{array}:0"] = tensor.numpy().T


@pytest.fixture
def mdn() -> MixtureDensityNetwork:
    network = MixtureDensityNetwork(SHAPE, torch.Generator().manual_seed(0))
    network(torch.rand(128))  # moves the batch norms' statistics away from 0 and 1
    return network.eval()


def test_names_are_keras() -> None:
    assert keras_name("dense.0.weight") == ("dense", "kernel")
    assert keras_name("dense.3.bias") == ("dense_3", "bias")
    assert keras_name("norms.2.running_var") == ("batch_normalization_2", "moving_variance")
    assert keras_name("means.weight") == ("dense_4", "kernel")
    assert keras_name("logits.bias") == ("dense_6", "bias")


def test_a_keras_file_gives_the_network_back(tmp_path: Path, mdn: MixtureDensityNetwork) -> None:
    write_keras_file(tmp_path / "mdn.h5", mdn)
    loaded = load_authors_mdn(tmp_path / "mdn.h5")
    y, z = torch.linspace(0.5, 0.8, 10), torch.rand(10, 4)
    assert not loaded.training
    torch.testing.assert_close(loaded.log_prob(y, z), mdn.log_prob(y, z), rtol=0, atol=0)


def test_wrong_files_are_refused(tmp_path: Path, mdn: MixtureDensityNetwork) -> None:
    path = tmp_path / "mdn.h5"
    with pytest.raises(FileNotFoundError, match=r"MDN_weights.h5 from the authors' repository, no file .*mdn.h5"):
        load_authors_mdn(path)
    path.write_text("<html>")
    with pytest.raises(ValueError, match="is not an HDF5 file; was it downloaded as a web page"):
        load_authors_mdn(path)
    write_keras_file(path, mdn)
    with h5py.File(path, "a") as file:
        del file["dense_2/dense_2/kernel:0"]
    with pytest.raises(ValueError, match="it has no array dense_2/dense_2/kernel:0"):
        load_authors_mdn(path)
    with h5py.File(path, "a") as file:
        file["dense_2/dense_2/kernel:0"] = np.zeros((32, 16), dtype=np.float32)
    with pytest.raises(ValueError, match=r"kernel:0 in .* must have shape \(33, 16\), got \(32, 16\); only the"):
        load_authors_mdn(path)


@pytest.mark.authors
def test_published_network_knows_the_published_pairs(authors_dir: Path) -> None:
    mdn = load_authors_mdn(authors_dir / "MDN_weights.h5")
    with h5py.File(authors_dir / "dataset_z4_part.hdf5") as file:
        y = torch.tensor(file["y"][:], dtype=torch.float32)
        z = torch.tensor(file["z"][:], dtype=torch.float32).flatten(1)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        paired = mdn.log_prob(y, z).mean().item()
        shuffled = [mdn.log_prob(y[torch.randperm(len(y), generator=rng)], z).mean().item() for _ in range(200)]
    assert paired == pytest.approx(-3.05, abs=0.01)
    assert paired > max(shuffled)


@pytest.mark.authors
def test_published_network_was_fed_unscaled_properties(authors_dir: Path) -> None:
    first = load_authors_mdn(authors_dir / "MDN_weights.h5")
    slope = first.dense[0].weight[:, 0]
    seen_deviation = first.norms[0].running_var.sqrt() / slope.abs()
    seen_mean = (first.norms[0].running_mean - first.dense[0].bias) / slope
    assert seen_deviation.std() < 0.02 * seen_deviation.mean(), "all neurons see the same input"
    assert 0.5 < seen_mean.mean() < 0.75
    assert 0.05 < seen_deviation.mean() < 0.1
