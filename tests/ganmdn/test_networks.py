from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from ganmdn.networks import (
    Discriminator,
    Generator,
    Variant,
    generate_grey,
    generate_images,
    latent_shape,
    load_generator,
    save_generator,
)


@pytest.fixture
def latents() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (7, 2, 2)).astype(np.float32)


@pytest.mark.parametrize("variant", get_args(Variant))
@pytest.mark.parametrize("latent", [1, 2, 3, 4])
def test_the_generator_serves_every_latent_size(latent: int, variant: Variant) -> None:
    images = Generator(variant=variant)(torch.zeros(2, 1, latent, latent))
    assert images.shape == (2, 1, 32 * latent, 32 * latent)
    assert latent_shape(32 * latent) == (latent, latent)


def test_layers_are_those_of_the_paper() -> None:
    generator, discriminator = Generator(), Discriminator(128)
    assert [layer.out_channels for layer in generator.convolutions] == [128, 64, 32, 16, 1]
    assert [layer.out_channels for layer in discriminator.convolutions] == [16, 32, 64, 128]
    assert discriminator.logit.kernel_size == (8, 8)
    for layer in (*generator.convolutions, *discriminator.convolutions):
        assert (layer.kernel_size, layer.stride) == ((4, 4), (2, 2))
    assert {norm.eps for norm in (*generator.norms, *discriminator.norms)} == {1e-3}


def test_images_of_the_matched_variant_are_periodic() -> None:
    """Rolling the latent cells rolls the image, but for the shared variables, which are the same for all cells here."""
    generator = Generator(torch.Generator().manual_seed(1), "matched").eval()
    z = torch.rand(1, 1, 3, 3) * 2 - 1
    z[0, 0, 0, :2] = z[0, 0, 1, 1:] = torch.tensor([0.3, -0.4])
    with torch.no_grad():
        images, rolled = generator(z), generator(z.roll((-1, -1), dims=(2, 3)))
    torch.testing.assert_close(images.roll((-32, -32), dims=(2, 3)), rolled)


def test_the_first_variable_of_the_matched_variant_reaches_every_cell() -> None:
    for variant, whole in (("paper", False), ("matched", True)):
        generator = Generator(torch.Generator().manual_seed(1), variant).eval()
        z = torch.zeros(1, 1, 4, 4)
        z[0, 0, 0, 0] = 1.0
        with torch.no_grad():
            moved = (generator(z) - generator(torch.zeros(1, 1, 4, 4))).abs()[0, 0]
        assert bool((moved[64:96, 64:96] > 0).all()) is whole  # a cell that no kernel reaches from the first


def test_images_of_the_matched_variant_hold_nothing_that_changes_from_pixel_to_pixel() -> None:
    signs = 1.0 - 2.0 * (torch.arange(64) % 2)
    for variant in ("paper", "matched"):
        generator = Generator(torch.Generator().manual_seed(1), variant).double().eval()
        with torch.no_grad():
            grey = torch.atanh(generator(torch.rand(3, 1, 2, 2, dtype=torch.float64) * 2 - 1))
        alternating = [(grey * signs).mean(dim=3).abs().max(), (grey * signs[:, None]).mean(dim=2).abs().max()]
        assert all((part < 1e-12) is (variant == "matched") for part in map(float, alternating)), variant


def test_weights_of_a_network_that_does_not_smooth_are_not_taken_for_one_that_does(tmp_path: Path) -> None:
    state = Generator(variant="matched").state_dict()
    del state["smoothing"]
    torch.save(state, tmp_path / "generator.pt")
    with pytest.raises(ValueError, match=r"(?s)does not hold the generator's weights.*smoothing"):
        load_generator(tmp_path / "generator.pt")


@pytest.mark.parametrize("image_px", [32, 64, 96, 128])
def test_the_discriminator_gives_one_logit_per_image(image_px: int) -> None:
    assert Discriminator(image_px)(torch.zeros(3, 1, image_px, image_px)).shape == (3,)


def test_an_image_size_that_no_latent_makes_is_refused() -> None:
    with pytest.raises(ValueError, match="image_px must be a positive multiple of 32, got 100"):
        Discriminator(100)


def test_the_source_of_the_weights_decides_them_and_the_global_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (Generator(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert not torch.equal(first.convolutions[0].weight, other.convolutions[0].weight)


def test_first_images_span_the_range() -> None:
    grey = Generator()(torch.rand(16, 1, 2, 2) * 2 - 1)
    assert grey.std() > 0.4


def test_images_do_not_depend_on_the_batch(latents: np.ndarray) -> None:
    generator = Generator()
    whole = generate_images(generator, latents)
    assert whole.shape == (7, 64, 64)
    assert whole.dtype == np.uint8
    assert set(np.unique(whole)) == {0, 1}
    assert np.array_equal(generate_images(generator, latents, batch=1), whole)
    assert np.array_equal(generate_images(generator, latents[::-1], batch=3)[::-1], whole)


def test_grey_images_are_made_in_float64_and_no_latents_make_no_images(latents: np.ndarray) -> None:
    generator = Generator(torch.Generator().manual_seed(5)).eval()
    exact = Generator().double().eval()
    exact.load_state_dict(generator.state_dict())
    with torch.inference_mode():
        expected = exact(torch.from_numpy(latents.astype(np.float64))[:, None])[:, 0].numpy()
    grey = generate_grey(generator, latents)
    assert grey.dtype == np.float64
    np.testing.assert_allclose(grey, expected, rtol=0, atol=1e-13)  # float32 would be off by 1e-7
    assert generate_images(generator, latents[:0]).shape == (0, 64, 64)


def test_generating_neither_trains_nor_changes_the_mode(latents: np.ndarray) -> None:
    generator = Generator().train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    generate_grey(generator, latents)
    assert generator.training
    assert generator.convolutions[0].weight.dtype == torch.float32
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())


def test_latents_of_the_wrong_shape_are_refused(latents: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"z must have shape \(B, h, w\), got \(7, 4\)"):
        generate_grey(Generator(), latents.reshape(7, 4))


@pytest.mark.parametrize("variant", get_args(Variant))
def test_a_saved_generator_makes_the_same_images(tmp_path: Path, latents: np.ndarray, variant: Variant) -> None:
    generator = Generator(torch.Generator().manual_seed(5), variant)
    save_generator(generator, tmp_path / "generator.pt")
    assert np.array_equal(
        generate_grey(load_generator(tmp_path / "generator.pt"), latents), generate_grey(generator, latents)
    )


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(Discriminator(64).state_dict(), tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other.pt does not hold the generator's weights"):
        load_generator(tmp_path / "other.pt")
