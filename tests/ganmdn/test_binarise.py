from __future__ import annotations

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from ganmdn.binarise import binarise


def test_each_image_has_its_own_threshold() -> None:
    rng = np.random.default_rng(0)
    mixed = np.where(rng.random((16, 16)) < 0.5, 0.2, 0.4) + rng.normal(0, 0.01, (16, 16))
    grey = np.stack([mixed, mixed - 1.0]).astype(np.float32)
    white = binarise(grey)
    assert white.dtype == np.uint8
    assert np.array_equal(white[0], white[1])
    assert np.array_equal(white[0], grey[0] > threshold_otsu(grey[0]))
    assert 0.3 < white.mean() < 0.7


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_taken_in_float64_whatever_comes(seed: int) -> None:
    """Grey values on the edges of the histogram's bins, which float32 puts into one bin or its neighbour."""
    steps = np.random.default_rng(seed).integers(0, 257, (40, 32, 32)) / 128 - 1
    grey = (0.7 * steps).astype(np.float32)
    exact = np.stack([image > threshold_otsu(image) for image in grey.astype(np.float64)])
    assert np.array_equal(binarise(grey), exact)
    assert any(
        not np.array_equal(image > threshold_otsu(image), white) for image, white in zip(grey, exact, strict=True)
    )


@pytest.mark.parametrize(("value", "white"), [(-1.0, 0), (-0.2, 0), (0.0, 0), (0.3, 1), (1.0, 1)])
def test_an_image_of_one_value_has_one_phase(value: float, white: int) -> None:
    assert (binarise(np.full((2, 4, 4), value, np.float32)) == white).all()


def test_no_images_give_no_images() -> None:
    assert binarise(np.zeros((0, 8, 8), np.float32)).shape == (0, 8, 8)


def test_bad_images_are_refused() -> None:
    grey = np.zeros((3, 4, 4), np.float32)
    grey[1, 2, 2] = np.nan
    with pytest.raises(ValueError, match="grey must be finite, image 1 is not; the generator's weights have diverged"):
        binarise(grey)
    with pytest.raises(ValueError, match=r"grey must have shape \(B, H, W\), got \(4, 4\)"):
        binarise(grey[0])
