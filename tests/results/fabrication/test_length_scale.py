from __future__ import annotations

import numpy as np
import pytest

from results.fabrication.brush import disc
from results.fabrication.length_scale import has_length_scale, minimum_length_scale


def stamped(diameter: int, side: int = 40) -> np.ndarray:
    """A brush in the corner of a cell, so that it wraps around."""
    image = np.zeros((side, side), np.uint8)
    image[:diameter, :diameter] = disc(diameter)
    return np.roll(image, (-2, -2), axis=(0, 1))


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 12])
def test_stripes_are_as_wide_as_they_are(width: int) -> None:
    image = np.zeros((40, 40), np.uint8)
    image[:, :width] = 1
    rolled = np.roll(image, 35, axis=1)  # over the border
    assert minimum_length_scale(rolled)[0] == width
    assert minimum_length_scale(1 - rolled.T)[1] == width


@pytest.mark.parametrize("diameter", [2, 3, 4, 5, 8, 11])
def test_a_disc_is_as_wide_as_its_brush(diameter: int) -> None:
    assert minimum_length_scale(stamped(diameter))[0] == diameter
    assert minimum_length_scale(1 - stamped(diameter))[1] == diameter


def test_a_single_pixel_is_found_anywhere() -> None:
    image = np.zeros((32, 32), np.uint8)
    image[8:24, 8:24] = 1
    assert has_length_scale(image, 6)
    for spot in ((0, 0), (31, 31), (16, 16), (3, 30)):
        changed = image.copy()
        changed[spot] ^= 1
        assert not has_length_scale(changed, 2), spot
        assert min(minimum_length_scale(changed)) == 1


def test_edges_of_large_features_do_not_count() -> None:
    image = np.zeros((32, 32), np.uint8)
    image[8:24, 8:24] = 1  # no disc larger than a pixel or two reaches its corners
    assert minimum_length_scale(image) == (9, 16)


def test_one_phase_alone_has_the_size_of_the_cell() -> None:
    assert minimum_length_scale(np.ones((32, 32), np.uint8)) == (32, 32)


@pytest.mark.parametrize("side", [32, 48])
def test_it_is_the_same_wherever_the_cell_begins(side: int) -> None:
    rng = np.random.default_rng(5)
    image = (rng.random((side, side)) < 0.5).astype(np.uint8)
    for row, column in ((1, 0), (7, 13)):
        assert minimum_length_scale(np.roll(image, (row, column), axis=(0, 1))) == minimum_length_scale(image)


def painted(seed: int) -> np.ndarray:
    """Discs of many sizes over each other, white and black."""
    rng = np.random.default_rng(seed)
    image = np.zeros((48, 48), np.uint8)
    least = 2 + seed % 6
    for _ in range(int(rng.integers(6, 18))):
        rows, columns = np.nonzero(disc(int(rng.integers(least, least + 12))))
        top, left = rng.integers(48, size=2)
        image[(top + rows) % 48, (left + columns) % 48] = rng.integers(2)
    return image


def test_imageruler_measures_the_same() -> None:
    # imageruler 0.3.0: minimum_length_scale(image == 1, periodic=(True, True)) for the first 36 images.
    theirs = [
        (4, 1),
        (1, 1),
        (1, 1),
        (5, 3),
        (4, 1),
        (5, 1),
        (2, 1),
        (3, 3),
        (1, 1),
        (1, 1),
        (1, 1),
        (1, 3),
        (4, 7),
        (3, 2),
        (9, 1),
        (1, 3),
        (4, 1),
        (6, 1),
        (5, 1),
        (3, 5),
        (1, 1),
        (7, 2),
        (1, 1),
        (6, 21),
        (8, 10),
        (1, 10),
        (1, 3),
        (13, 9),
        (1, 1),
        (5, 1),
        (5, 48),
        (3, 9),
        (1, 1),
        (1, 1),
        (48, 48),
        (16, 8),
    ]
    assert [minimum_length_scale(painted(seed)) for seed in range(36)] == theirs
