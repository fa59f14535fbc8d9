from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from results.fabrication.length_scale import has_length_scale
from results.fabrication.rounding import rounded

pytestmark = pytest.mark.long


def field(side: int, seed: int) -> np.ndarray:
    """A two-phase image with pixels of noise in it, three tenths of it white."""
    rng = np.random.default_rng(seed)
    grey = ndimage.gaussian_filter(rng.standard_normal((side, side)), 1.5, mode="wrap")
    image = (grey > np.quantile(grey, 0.7)).astype(np.uint8)
    image[rng.random(image.shape) < 0.02] ^= 1
    return image


@pytest.mark.parametrize("diameter", [2, 3, 4, 6])
def test_what_is_rounded_can_be_drawn_and_keeps_its_share_of_white(diameter: int) -> None:
    for seed in range(8):
        image = field(64, seed)
        made = rounded(image, diameter, np.random.default_rng(seed))
        assert has_length_scale(made, diameter)
        assert made.mean() == pytest.approx(image.mean(), abs=0.02)


def test_what_can_be_drawn_hardly_moves() -> None:
    image = np.zeros((32, 32), np.uint8)
    image[:, 5:13] = 1
    assert np.array_equal(rounded(image, 4, np.random.default_rng(0)), image)


def test_smaller_features_move_fewer_pixels() -> None:
    image = field(64, 0)
    moved = [np.count_nonzero(rounded(image, width, np.random.default_rng(0)) != image) for width in (2, 4, 6)]
    assert moved == sorted(moved)
    assert moved[0] < 0.06 * image.size


def test_the_same_seed_makes_the_same_image() -> None:
    images = [rounded(field(64, 1), 5, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(*images)


def test_a_brush_larger_than_the_cell_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^diameter_px must be at most the image's 32, got 33$"):
        rounded(np.zeros((32, 32), np.uint8), 33, np.random.default_rng(0))
