from __future__ import annotations

import urllib.error
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from ganmdn.features import VGG16_LAYERS, RandomFeatures, Vgg16Features, feature_config, make_features
from ganmdn.losses import collapse_loss, feature_products, gram_matrices, style_loss
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures

Weights = dict[str, tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def weights() -> Weights:
    """Made-up kernels (out, in, 3, 3) and biases of VGG-16's first four layers."""
    rng = np.random.default_rng(0)
    return {
        name: (
            rng.standard_normal((outputs, inputs, 3, 3), dtype=np.float32) / (3 * inputs**0.5),
            rng.standard_normal(outputs, dtype=np.float32),
        )
        for name, _, inputs, outputs in VGG16_LAYERS
    }


@pytest.fixture
def images() -> torch.Tensor:
    drawn, _ = draw_microstructures(32, MicrostructureRanges(), np.random.SeedSequence(0), range(4))
    return torch.from_numpy(drawn)[:, None].float() * 2 - 1


def write_torchvision(weights: Weights, path: Path) -> Path:
    state = {}
    for name, index, *_ in VGG16_LAYERS:
        state[f"features.{index}.weight"], state[f"features.{index}.bias"] = map(torch.from_numpy, weights[name])
    torch.save(state, path)
    return path


def write_keras(weights: Weights, path: Path, kernel: str, bias: str) -> Path:
    with h5py.File(path, "w") as file:
        for name, (kernels, biases) in weights.items():
            file[kernel.format(name=name)] = kernels.transpose(2, 3, 1, 0)
            file[bias.format(name=name)] = biases
    return path


@pytest.mark.parametrize(
    ("kernel", "bias"),
    [
        ("{name}/{name}_W_1:0", "{name}/{name}_b_1:0"),
        ("{name}/{name}/kernel:0", "{name}/{name}/bias:0"),
        ("model_weights/{name}/{name}/kernel:0", "model_weights/{name}/{name}/bias:0"),
    ],
)
def test_both_file_layouts_give_the_same_features(
    weights: Weights, images: torch.Tensor, tmp_path: Path, kernel: str, bias: str
) -> None:
    from_torch = make_features(Vgg16Features(write_torchvision(weights, tmp_path / "vgg.pth")))(images)
    from_keras = make_features(Vgg16Features(write_keras(weights, tmp_path / "vgg.h5", kernel, bias)))(images)
    assert [tuple(layer.shape) for layer in from_torch] == [
        (4, 64, 32, 32),
        (4, 64, 32, 32),
        (4, 128, 16, 16),
        (4, 128, 16, 16),
    ]
    assert all(torch.equal(a, b) for a, b in zip(from_torch, from_keras, strict=True))


def test_the_first_layer_is_a_convolution_of_the_repeated_image(
    weights: Weights, images: torch.Tensor, tmp_path: Path
) -> None:
    features = make_features(Vgg16Features(write_torchvision(weights, tmp_path / "vgg.pth")))(images)
    kernel, bias = weights["block1_conv1"]
    patch = images[0, 0, 9:12, 4:7].numpy()
    expected = np.maximum((kernel * patch).sum(axis=(1, 2, 3)) + bias, 0)
    np.testing.assert_allclose(features[0][0, :, 10, 5].numpy(), expected, atol=1e-5)


def test_weights_that_do_not_fit_are_refused(weights: Weights, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"features.weights must be a file, there is none at"):
        make_features(Vgg16Features(tmp_path / "absent.pth"))
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "part.pth")
    with pytest.raises(ValueError, match=r"features.weights: .*part.pth lacks 'features.0.bias'"):
        make_features(Vgg16Features(tmp_path / "part.pth"))
    del weights["block2_conv2"]
    write_keras(weights, tmp_path / "part.h5", "{name}/{name}/kernel:0", "{name}/{name}/bias:0")
    with pytest.raises(ValueError, match=r"part.h5 lacks .*block2_conv2"):
        make_features(Vgg16Features(tmp_path / "part.h5"))


def test_kernels_of_another_network_are_refused(weights: Weights, tmp_path: Path) -> None:
    weights["block1_conv2"] = (weights["block1_conv2"][0][:32], weights["block1_conv2"][1])
    with pytest.raises(ValueError, match=r"VGG-16's block1_conv2 must have a kernel \(64, 64, 3, 3\)"):
        make_features(Vgg16Features(write_torchvision(weights, tmp_path / "vgg.pth")))


def test_without_a_network_the_error_names_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    with pytest.raises(ValueError, match=r"could not be fetched .*set features.weights to a file"):
        make_features(Vgg16Features())


def test_the_bank_is_decided_by_its_seed(images: torch.Tensor) -> None:
    first, again, other = (make_features(RandomFeatures(8, seed))(images) for seed in (0, 0, 1))
    assert [tuple(layer.shape) for layer in first] == [(4, 8, size, size) for size in (32, 16, 8, 4)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_the_bank_is_periodic(images: torch.Tensor) -> None:
    bank = make_features(RandomFeatures(8))
    plain, rolled = bank(images), bank(images.roll((8, 16), dims=(2, 3)))
    for octave, (a, b) in enumerate(zip(plain, rolled, strict=True)):
        torch.testing.assert_close(a.roll((8 >> octave, 16 >> octave), dims=(2, 3)), b, atol=1e-4, rtol=1e-5)


def test_the_bank_lets_no_loss_swamp_the_others(images: torch.Tensor) -> None:
    """The collapse loss may fall by little however different the images; the style loss must tell noise at once."""
    bank = make_features(RandomFeatures())
    real = bank(images)
    noise = bank(torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0)).sign())
    flat = bank(torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 1, 32, 32))
    of_flat, of_real = (float(collapse_loss([feature_products(m)[0] for m in maps])) for maps in (flat, real))
    assert 4 * 4e3 * 0.6 < of_flat < of_real < 4 * 4e3
    assert style(noise, real) > 1.5 * style(real, [layer.roll(1, 0) for layer in real])


def style(made: list[torch.Tensor], wanted: list[torch.Tensor]) -> float:
    grams = [[gram_matrices(feature_products(layer)[1]) for layer in maps] for maps in (made, wanted)]
    return float(style_loss(*grams, 32**2))


def test_the_gradient_of_the_bank_is_that_of_torchs_convolution(images: torch.Tensor) -> None:
    bank = make_features(RandomFeatures(8))
    with torch.no_grad():
        bank.bias.zero_()  # so that ReLU cuts a good part off
    plain, ours = images.clone().requires_grad_(), images.clone().requires_grad_()
    weights = [torch.randn(layer.shape, generator=torch.Generator().manual_seed(1)) for layer in bank(images)]
    sum((layer * w).sum() for layer, w in zip(bank(ours), weights, strict=True)).backward()
    scaled = plain
    expected = torch.zeros(())
    for octave, (filters, w) in enumerate(zip(bank.filters, weights, strict=True)):
        scaled = torch.nn.functional.avg_pool2d(scaled, 2) if octave else scaled
        wrapped = torch.nn.functional.pad(scaled, (2,) * 4, mode="circular")
        layer = torch.relu(torch.nn.functional.conv2d(wrapped, filters, bank.bias)) * 2**octave
        assert 0.2 < (layer == 0).float().mean() < 0.8
        expected = expected + (layer * w).sum()
    expected.backward()
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-4, atol=1e-4 * float(plain.grad.abs().max()))


def test_filters_do_not_change_the_size_of_the_style_loss(images: torch.Tensor) -> None:
    few, many = (make_features(RandomFeatures(filters))(images) for filters in (16, 64))
    losses = [style(maps, [layer.roll(1, 0) for layer in maps]) for maps in (few, many)]
    assert 0.3 < losses[0] / losses[1] < 3


def test_feature_config_chooses_by_kind() -> None:
    assert feature_config({"kind": "random", "filters": 4, "seed": 3}) == RandomFeatures(4, 3)
    assert feature_config({"kind": "vgg16", "weights": None}) == Vgg16Features()
    with pytest.raises(ValueError, match=r"features.kind must be one of random, vgg16, got 'vgg19'"):
        feature_config({"kind": "vgg19"})
