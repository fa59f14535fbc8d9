from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from ganmdn.authors import (
    BATCH_NORM_NAMES,
    load_authors_generator,
    read_published_data,
    verify_authors,
)
from ganmdn.networks import Generator, generate_images

Dictionaries = tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]


def authors_layout(generator: Generator) -> Dictionaries:
    """The generator's weights as the authors name and order them."""
    weights, biases, norms = {}, {}, {}
    for i, layer in enumerate(generator.convolutions, start=1):
        weights[f"G_conv{i}_weights"] = layer.weight.detach().numpy().transpose(2, 3, 1, 0).copy()
        biases[f"G_conv{i}_bias"] = layer.bias.detach().numpy()
    for i, norm in enumerate(generator.norms, start=1):
        for ours, theirs in BATCH_NORM_NAMES.items():
            norms[f"G_BN{i}_{theirs}"] = norm.state_dict()[ours].numpy()
    return weights, biases, norms


@pytest.fixture
def generator() -> Generator:
    network = Generator(torch.Generator().manual_seed(1))
    network(torch.rand(8, 1, 2, 2, generator=torch.Generator().manual_seed(2)))  # moves the running statistics
    return network.eval()


def write_weights(dictionaries: Dictionaries, path: Path) -> Path:
    path.write_bytes(pickle.dumps(dictionaries, protocol=4))
    return path


def write_data(path: Path, generator: Generator, flipped_pixels: int = 0) -> Path:
    z = np.random.default_rng(0).uniform(-1, 1, (5, 2, 2))
    images = generate_images(generator, z)
    images[2].flat[:flipped_pixels] ^= 1
    with h5py.File(path, "w") as file:
        file["z"], file["x"], file["y"] = z, images.astype(np.int64), np.linspace(0.5, 0.7, 5)
    return path


def test_a_generator_in_the_authors_layout_is_the_same_network(generator: Generator, tmp_path: Path) -> None:
    loaded = load_authors_generator(write_weights(authors_layout(generator), tmp_path / "weights.pickle"))
    assert not loaded.training
    for name, tensor in generator.state_dict().items():
        if "tracked" not in name:
            assert torch.equal(loaded.state_dict()[name], tensor)


def test_verification_counts_images_and_pixels(generator: Generator, tmp_path: Path) -> None:
    weights = write_weights(authors_layout(generator), tmp_path / "weights.pickle")
    same = verify_authors(weights, write_data(tmp_path / "same.hdf5", generator))
    assert (same.images, same.identical, same.pixel_agreement) == (5, 5, 1.0)
    other = verify_authors(weights, write_data(tmp_path / "other.hdf5", generator, flipped_pixels=3))
    assert (other.images, other.identical) == (5, 4)
    assert other.pixel_agreement == pytest.approx(1 - 3 / (5 * 64 * 64))


def test_a_missing_array_is_named(generator: Generator, tmp_path: Path) -> None:
    dictionaries = authors_layout(generator)
    del dictionaries[2]["G_BN3_beta"]
    with pytest.raises(ValueError, match=r"weights.pickle lacks the array 'G_BN3_beta'; it holds G_BN1_beta, "):
        load_authors_generator(write_weights(dictionaries, tmp_path / "weights.pickle"))


def test_an_array_of_the_wrong_shape_is_named(generator: Generator, tmp_path: Path) -> None:
    dictionaries = authors_layout(generator)
    dictionaries[0]["G_conv2_weights"] = dictionaries[0]["G_conv2_weights"][..., :5]
    with pytest.raises(
        ValueError, match=r"G_conv2_weights has shape \(4, 4, 64, 5\), which does not fit convolutions.1"
    ):
        load_authors_generator(write_weights(dictionaries, tmp_path / "weights.pickle"))


def test_data_that_is_not_the_authors_is_refused(generator: Generator, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "part.hdf5", "w") as file:
        file["z"] = np.zeros((2, 2, 2))
    with pytest.raises(ValueError, match=r"part.hdf5 must hold z, x and y, missing x, y; it holds z"):
        read_published_data(tmp_path / "part.hdf5")
    with h5py.File(write_data(tmp_path / "grey.hdf5", generator), "r+") as file:
        file["x"][0, 0, 0] = 7
    with pytest.raises(ValueError, match="x must be 0/1 images, got values from 0 to 7"):
        read_published_data(tmp_path / "grey.hdf5")


def test_images_of_another_size_than_the_generator_makes_are_refused(generator: Generator, tmp_path: Path) -> None:
    weights = write_weights(authors_layout(generator), tmp_path / "weights.pickle")
    with h5py.File(tmp_path / "data.hdf5", "w") as file:
        file["z"], file["x"], file["y"] = np.zeros((2, 2, 2)), np.zeros((2, 96, 96), int), np.zeros(2)
    with pytest.raises(ValueError, match=r"makes images \(2, 64, 64\), got x \(2, 96, 96\)"):
        verify_authors(weights, tmp_path / "data.hdf5")


@pytest.mark.authors
def test_every_published_image_is_made_again_pixel_for_pixel(authors_dir: Path) -> None:
    result = verify_authors(authors_dir / "weights.pickle", authors_dir / "dataset_z4_part.hdf5")
    assert result.images == 50
    assert result.identical == 50
    assert result.pixel_agreement == 1.0
