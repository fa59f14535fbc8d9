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


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 1.0), st.integers(0, 1000))
def test_binarising_keeps_the_white_fraction(fraction: float, seed: int) -> None:
    grey = np.random.default_rng(seed).normal(0, 0.1, (2, 16, 16))
    grey += fraction - grey.mean(axis=(1, 2), keepdims=True)
    images = binarise_keeping_fraction(grey)
    np.testing.assert_allclose(images.mean(axis=(1, 2)), fraction, atol=1.5 / 256)
    for image, values in zip(images, grey, strict=True):
        assert values[image == 1].min(initial=np.inf) > values[image == 0].max(initial=-np.inf)


def test_binarising_leaves_binary_images_as_they_are() -> None:
    images = (np.random.default_rng(0).random((4, 32, 32)) < 0.3).astype(np.uint8)
    np.testing.assert_array_equal(binarise_keeping_fraction(images.astype(np.float64)), images)
