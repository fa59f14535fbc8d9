from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganmdn.binarise import binarise
from ganmdn.generator_quality import curve_distance
from ganmdn.matching import FractionLoss, FrequencyLoss, SpectrumLoss, dominant_frequency, two_phase
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures
from ganmdn.statistics import per_image

RANGES = MicrostructureRanges(volume_fraction=(0.3, 0.7))


def draw(count: int, seed: int = 0, ranges: MicrostructureRanges = RANGES) -> np.ndarray:
    return draw_microstructures(32, ranges, np.random.SeedSequence(seed), range(count))[0]


def grey(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images)[:, None].float() * 2 - 1


def test_the_first_latent_variable_stands_for_a_quantile_of_the_volume_fraction() -> None:
    images = draw(101)
    loss = FractionLoss(images, -1.0, 1.0)
    fractions = images.mean(axis=(1, 2))
    wanted = loss.wanted(torch.tensor([-1.0, 0.0, 0.5, 1.0])) / 2 + 0.5
    expected = [fractions.min(), np.median(fractions), np.quantile(fractions, 0.75), fractions.max()]
    np.testing.assert_allclose(wanted, expected, atol=1e-6)
    np.testing.assert_allclose(
        FractionLoss(images, 0.0, 1.0).wanted(torch.tensor([0.5])) / 2 + 0.5, expected[1], atol=1e-6
    )


def test_the_fraction_loss_is_the_mean_error_of_the_mean_grey() -> None:
    images = draw(50)
    loss, z = FractionLoss(images, -1.0, 1.0), torch.zeros(3, 1, 2, 2)
    z[:, 0, 1, 1] = 1.0  # only the first variable counts
    middle = 2 * float(np.median(images.mean(axis=(1, 2)))) - 1
    half = torch.full((3, 1, 32, 32), -1.0)
    half[:, :, :16] = 1.0
    assert float(loss(half, z)) == pytest.approx(abs(middle), abs=1e-6)


def test_spectra_of_a_batch_are_those_of_the_statistics() -> None:
    images = draw(6)
    density = SpectrumLoss(32).density(grey(images))
    np.testing.assert_allclose(density, per_image(images)["spectral_density"], rtol=1e-3, atol=1e-6)


def test_an_image_of_one_grey_has_no_spectrum() -> None:
    assert not SpectrumLoss(32).density(torch.zeros(2, 1, 32, 32)).any()


def test_the_spectrum_loss_is_the_distance_between_sets() -> None:
    """The judge takes quantiles where the loss sorts."""
    first, second = draw(64), draw(64, 1, MicrostructureRanges(frequency_mean_per_px=(0.08, 0.1)))
    expected = curve_distance(*(per_image(images)["spectral_density"] for images in (first, second)))
    loss = float(SpectrumLoss(32)(grey(second), grey(first)))
    assert loss == pytest.approx(expected, rel=0.05)
    assert float(SpectrumLoss(32)(grey(first).flip(0), grey(first))) == pytest.approx(0, abs=1e-4)


def test_the_dominant_frequency_is_that_of_stripes() -> None:
    stripes = np.zeros((2, 64, 64), np.uint8)
    stripes[0, :, np.arange(64) // 4 % 2 == 1] = 1  # 8 pixels a period
    stripes[1, np.arange(64) // 8 % 2 == 1] = 1
    # Of 8 pixels a period the third harmonic has sin²(π/8) / sin²(3π/8) = 0.172 of the power; beyond it there is none.
    weight = (math.sin(math.pi / 8) / math.sin(3 * math.pi / 8)) ** 4
    found = dominant_frequency(SpectrumLoss(64).density(grey(stripes)))
    assert float(found[0]) == pytest.approx((8 + 24 * weight) / (1 + weight), rel=1e-4)
    assert float(found[1]) == pytest.approx(4, rel=0.06)
    assert not dominant_frequency(torch.zeros(1, 32)).any()


def test_the_second_latent_variable_stands_for_a_quantile_of_the_dominant_frequency() -> None:
    ranges = MicrostructureRanges(frequency_mean_per_px=(0.05, 0.15))
    images = draw_microstructures(64, ranges, np.random.SeedSequence(0), range(101))[0]
    loss = FrequencyLoss(images, -1.0, 1.0)
    found = dominant_frequency(SpectrumLoss(64).density(grey(images)))
    assert float(loss.wanted(torch.zeros(1))) == pytest.approx(float(found.median()), rel=1e-5)
    z = torch.zeros(101, 1, 2, 2)
    z[:, 0, 0, 1] = 2 * found.argsort().argsort() / 100 - 1  # each image's own quantile
    assert float(loss(grey(images), z)) == pytest.approx(0, abs=1e-5)
    z[:, 0, 0, 1] = 0
    error = (found - found.median()).abs().mean() / found.std()
    assert float(loss(grey(images), z)) == pytest.approx(float(error), rel=1e-4)


def test_both_losses_lead_a_generator_that_is_off() -> None:
    images = draw(32)
    made = (0.3 * grey(draw(32, 1))).requires_grad_()
    z = torch.linspace(-1, 1, 32).reshape(32, 1, 1, 1)
    for loss in (FractionLoss(images, -1.0, 1.0)(two_phase(made), z), SpectrumLoss(32)(two_phase(made), grey(images))):
        (gradient,) = torch.autograd.grad(loss, made)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0


def test_what_is_measured_are_the_images_that_are_used() -> None:
    made = torch.from_numpy(np.random.default_rng(0).uniform(-0.9, 0.4, (5, 1, 8, 8)))
    np.testing.assert_array_equal(two_phase(made)[:, 0], binarise(made[:, 0].numpy()) * 2.0 - 1)


def test_its_gradient_is_that_of_a_smooth_step_at_the_same_threshold() -> None:
    made = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(two_phase(made).sum(), made)
    steepest = int(gradient.flatten().argmax())
    assert two_phase(made).flatten()[[steepest - 2, steepest + 2]].tolist() == [-1.0, 1.0]
    assert gradient.max() == pytest.approx(2.0, rel=1e-3)


def test_images_that_are_no_numbers_are_passed_on() -> None:
    """So that the losses are none either, which ends the training with its own words."""
    assert torch.isnan(two_phase(torch.full((1, 1, 4, 4), torch.nan))).all()
