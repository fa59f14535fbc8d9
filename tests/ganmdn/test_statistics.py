from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganmdn.microstructures import MicrostructureRanges, draw_microstructures
from ganmdn.statistics import lineal_path, per_image, set_statistics, volume_fraction

SEED = np.random.SeedSequence(3)


def two_point_correlation(images: np.ndarray) -> np.ndarray:
    return per_image(images)["two_point_correlation"]


def spectral_density(images: np.ndarray) -> np.ndarray:
    return per_image(images)["spectral_density"]


def random_image(seed: int, size: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (size, size)).astype(np.uint8)


def slow_two_point(image: np.ndarray) -> np.ndarray:
    size = len(image)
    sums: dict[int, list[float]] = {r: [] for r in range(size // 2)}
    for dy, dx in itertools.product(range(size), repeat=2):
        lag = round(float(np.hypot(min(dy, size - dy), min(dx, size - dx))))
        if lag in sums:
            shifted = np.roll(image, (-dy, -dx), axis=(0, 1))
            sums[lag].append(float((image * shifted).mean()))
    return np.array([np.mean(values) for values in sums.values()])


def slow_lineal_path(image: np.ndarray) -> np.ndarray:
    size = len(image)
    path = []
    for r in range(size // 2):
        inside = [
            all(line[(start + k) % size] for k in range(r + 1))
            for lines in (image, image.T)
            for line in lines
            for start in range(size)
        ]
        path.append(np.mean(inside))
    return np.array(path)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), size=st.sampled_from([6, 8, 11]))
def test_correlation_and_lineal_path_match_their_definitions(seed: int, size: int) -> None:
    image = random_image(seed, size)
    np.testing.assert_allclose(two_point_correlation(image[None])[0], slow_two_point(image), atol=1e-12)
    np.testing.assert_allclose(lineal_path(image[None])[0], slow_lineal_path(image), atol=1e-12)


def test_lag_zero_is_the_volume_fraction() -> None:
    images, _ = draw_microstructures(32, MicrostructureRanges(), SEED, range(5))
    fraction = volume_fraction(images)[:, 0]
    np.testing.assert_allclose(two_point_correlation(images)[:, 0], fraction)
    np.testing.assert_allclose(lineal_path(images)[:, 0], fraction)


def test_statistics_do_not_see_periodic_shifts() -> None:
    images, _ = draw_microstructures(32, MicrostructureRanges(), SEED, range(3))
    shifted = np.roll(images, (5, 11), axis=(1, 2))
    for name, values in per_image(images).items():
        np.testing.assert_allclose(per_image(shifted)[name], values, atol=1e-10)


def test_stripes_have_one_spectral_line() -> None:
    stripes = np.tile((np.arange(32) // 4 % 2).astype(np.uint8), (32, 1))[None]
    density = spectral_density(stripes)[0]
    assert density.argmax() == 32 // 8 - 1
    assert density[3] > 0.8
    assert density.sum() == pytest.approx(1)


def test_spectral_density_peaks_at_the_ring_that_was_asked_for() -> None:
    ranges = MicrostructureRanges((0.125, 0.125), (0.01, 0.01), (0.5, 0.5))
    images, _ = draw_microstructures(64, ranges, SEED, range(20))
    assert spectral_density(images).mean(axis=0).argmax() + 1 == 64 * 0.125


def test_an_image_of_one_phase_has_no_spectrum() -> None:
    assert not spectral_density(np.ones((1, 16, 16), np.uint8)).any()


def test_sets_larger_than_a_chunk_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = draw_microstructures(32, MicrostructureRanges(), SEED, range(7))
    whole = set_statistics(images)
    monkeypatch.setattr("ganmdn.statistics.IMAGES_PER_CHUNK", 3)
    for name, curve in set_statistics(images).items():
        np.testing.assert_allclose(curve.mean, whole[name].mean)
        np.testing.assert_allclose(curve.spread, whole[name].spread)
