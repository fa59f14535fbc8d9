from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganmdn.inverse import Designs, binarise_keeping_fraction


def test_designs_refuse_what_is_no_set_of_binary_images() -> None:
    images = np.zeros((3, 4, 4), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"images must be uint8 of shape \(n, H, W\), got float64 \(3, 4, 4\)"):
        Designs(images.astype(float))
    with pytest.raises(ValueError, match="images must hold 0 and 1 only, got 255"):
        Designs(images + np.uint8(255))
    with pytest.raises(ValueError, match=r"z must have shape \(n, h, w\) with n = 3, got \(2, 2, 2\)"):
        Designs(images, np.zeros((2, 2, 2), dtype=np.float32))


@settings(max_examples=60)
@given(st.floats(0.0, 1.0), st.integers(0, 1000), st.sampled_from([0, 1, 3, 1000]))
def test_binarising_keeps_the_white_fraction(fraction: float, seed: int, steps: int) -> None:
    """Of constant images (no steps), of tied greys (few) and of greys that all differ."""
    grey = np.rint(np.random.default_rng(seed).uniform(-0.5, 0.5, (2, 16, 16)) * steps) / max(steps, 1)
    grey += fraction - grey.mean(axis=(1, 2), keepdims=True)
    images = binarise_keeping_fraction(grey)
    assert images.dtype == np.uint8
    np.testing.assert_allclose(images.mean(axis=(1, 2)), fraction, rtol=0, atol=0.501 / 256)
    for image, values in zip(images, grey, strict=True):
        assert values[image == 1].min(initial=np.inf) >= values[image == 0].max(initial=-np.inf)


@pytest.mark.parametrize(("value", "white"), [(-0.2, 0), (0.0, 0), (0.25, 16), (1.0, 64), (1.7, 64)])
def test_binarising_a_constant_image_gives_its_share(value: float, white: int) -> None:
    assert binarise_keeping_fraction(np.full((1, 8, 8), value, np.float32)).sum() == white


def test_binarising_refuses_what_is_not_finite() -> None:
    grey = np.zeros((3, 4, 4))
    grey[2, 0, 1] = np.inf
    with pytest.raises(ValueError, match="grey must be finite, image 2 is not; the model's weights have diverged"):
        binarise_keeping_fraction(grey)


def test_binarising_leaves_binary_images_as_they_are() -> None:
    images = (np.random.default_rng(0).random((4, 32, 32)) < 0.3).astype(np.uint8)
    np.testing.assert_array_equal(binarise_keeping_fraction(images.astype(np.float64)), images)
