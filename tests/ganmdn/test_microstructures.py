from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganmdn.microstructures import (
    MicrostructureRanges,
    draw_microstructures,
    frequency_radius,
    gaussian_random_field,
    threshold_at_fraction,
)

SEED = np.random.SeedSequence(7)


def test_any_partition_gives_the_same_images() -> None:
    whole, parameters = draw_microstructures(32, MicrostructureRanges(), SEED, range(10))
    order = [7, 2, 9]
    part, part_parameters = draw_microstructures(32, MicrostructureRanges(), SEED, order)
    assert np.array_equal(part, whole[order])
    assert np.array_equal(part_parameters, parameters[order])


def test_images_and_seeds_differ() -> None:
    images, _ = draw_microstructures(32, MicrostructureRanges(), SEED, range(4))
    others, _ = draw_microstructures(32, MicrostructureRanges(), np.random.SeedSequence(8), range(4))
    assert len({image.tobytes() for image in np.concatenate([images, others])}) == 8


def test_parameters_lie_in_their_ranges_and_the_volume_fraction_is_met() -> None:
    ranges = MicrostructureRanges((0.05, 0.06), (0.01, 0.02), (0.2, 0.8))
    images, parameters = draw_microstructures(48, ranges, SEED, range(40))
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 1}
    low, high = np.array([ranges.frequency_mean_per_px, ranges.frequency_std_per_px, ranges.volume_fraction]).T
    assert (parameters >= low).all()
    assert (parameters <= high).all()
    assert np.abs(images.mean(axis=(1, 2)) - parameters[:, 2]).max() <= 1 / 48**2
    assert np.ptp(parameters[:, 2]) > 0.4


def test_the_field_has_the_spectral_density_asked_for() -> None:
    rng = np.random.default_rng(0)
    radius = frequency_radius(64)
    mean, std = 0.15, 0.03
    fields = np.stack([gaussian_random_field(radius, mean, std, rng) for _ in range(400)])
    power = (np.abs(np.fft.rfft2(fields)) ** 2).mean(axis=0)
    wanted = np.exp(-((radius - mean) ** 2) / (2 * std**2))
    strong = (wanted > 0.05) & (radius > 0)
    ratio = power[strong] / wanted[strong]
    assert ratio.std() / ratio.mean() < 0.1


def test_a_ring_narrower_than_the_frequency_grid_still_gives_two_phases() -> None:
    ranges = MicrostructureRanges((0.04, 0.04), (1e-4, 1e-4), (0.5, 0.5))
    images, _ = draw_microstructures(32, ranges, SEED, [0])
    assert images.mean() == pytest.approx(0.5, abs=0.05)


@given(fraction=st.floats(0.05, 0.95), seed=st.integers(0, 2**32))
def test_threshold_keeps_the_highest_values(fraction: float, seed: int) -> None:
    field = np.random.default_rng(seed).standard_normal((16, 16))
    white = threshold_at_fraction(field, fraction).astype(bool)
    assert field[white].min() > field[~white].max()
    assert abs(white.mean() - fraction) <= 1 / field.size


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (
            {"volume_fraction": (0.5, 1.2)},
            "volume_fraction must be (low, high) with 0 < low <= high < 1.0, got (0.5, 1.2)",
        ),
        ({"frequency_mean_per_px": (0.2, 0.1)}, "frequency_mean_per_px must be (low, high)"),
        ({"frequency_std_per_px": (0.0, 0.1)}, "frequency_std_per_px must be (low, high)"),
        ({"frequency_mean_per_px": (0.1, 0.6)}, "high < 0.5, got (0.1, 0.6)"),
    ],
)
def test_impossible_ranges_are_refused(ranges: dict[str, tuple[float, float]], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        MicrostructureRanges(**ranges)


def test_an_image_needs_two_pixels() -> None:
    with pytest.raises(ValueError, match="image_px must be at least 2, got 1"):
        draw_microstructures(1, MicrostructureRanges(), SEED, [0])
