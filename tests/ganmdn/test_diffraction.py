from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganmdn.diffraction import DiffractionOrders, diffraction_features

ORDERS = DiffractionOrders(powers=3, triples=2)


def random_image(seed: int, size: int = 16) -> np.ndarray:
    return (np.random.default_rng(seed).random((size, size)) < 0.3).astype(np.uint8)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(0, 15), st.integers(0, 15), st.integers(0, 3), st.booleans())
def test_features_do_not_see_the_symmetries(seed: int, down: int, right: int, turns: int, flipped: bool) -> None:
    image = random_image(seed)
    moved = np.rot90(np.roll(image, (down, right), axis=(0, 1)), turns)
    moved = moved[::-1] if flipped else moved
    before, after = diffraction_features(np.stack([image, moved]), ORDERS)
    np.testing.assert_allclose(after, before, atol=1e-12)


def test_features_tell_an_image_from_its_negative_and_from_another_with_the_same_spectrum() -> None:
    image = random_image(1)
    scrambled = np.fft.fft2(image)
    shifts = np.exp(2j * np.pi * np.random.default_rng(0).random((16, 16)))
    phases = shifts / np.roll(shifts[::-1, ::-1], (1, 1), axis=(0, 1))  # of a real image
    twin = np.fft.ifft2(scrambled * phases).real
    features = diffraction_features(np.stack([image.astype(float), twin, 1.0 - image]), ORDERS)
    powers = slice(1, 1 + 6)  # (1,0) (1,1) (2,0) (2,1) (2,2) (3,0)
    np.testing.assert_allclose(features[1, powers], features[0, powers], atol=1e-12)
    np.testing.assert_allclose(features[2, powers], features[0, powers], atol=1e-12)
    assert np.abs(features[1, 7:] - features[0, 7:]).max() > 1e-5
    np.testing.assert_allclose(features[2, 7:], -features[0, 7:], atol=1e-12)


def test_a_product_of_cosines_has_the_amplitudes_of_textbooks() -> None:
    """cos x + cos y + 2 cos(x + y) has amplitudes 1/2, 1/2 and 1: powers 1/4 and 1, triple product 1/4."""
    x, y = np.meshgrid(*(2 * np.pi * np.arange(16) / 16,) * 2, indexing="ij")
    image = 0.4 + np.cos(x) + np.cos(y) + 2 * np.cos(x + y)
    features = diffraction_features(image[None], DiffractionOrders(powers=1.5, triples=1.5))[0]
    volume_fraction, first, diagonal, *triples = features
    assert volume_fraction == pytest.approx(0.4)
    assert first == pytest.approx(1 / 4)
    assert diagonal == pytest.approx(1 / 2)  # the mean over (1, 1), which has 1, and (1, -1), which has none
    assert triples == pytest.approx([1 / 8])  # likewise


def test_orders_too_low_for_a_triple_give_none() -> None:
    image = random_image(0)[None]
    without = diffraction_features(image, DiffractionOrders(powers=3, triples=1))
    np.testing.assert_array_equal(without, diffraction_features(image, ORDERS)[:, : without.shape[1]])
    assert without.shape == (1, 1 + 6)


def test_images_in_chunks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.stack([random_image(seed) for seed in range(5)])
    whole = diffraction_features(images, ORDERS)
    monkeypatch.setattr("ganmdn.diffraction.IMAGES_AT_ONCE", 2)
    np.testing.assert_array_equal(diffraction_features(images, ORDERS), whole)
