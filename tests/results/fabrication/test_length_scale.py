from __future__ import annotations

from pathlib import Path

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
    image[8:24, 8:24] = 1  # no disc reaches its corners
    assert min(minimum_length_scale(image)) >= 10


def test_one_phase_alone_has_the_size_of_the_cell() -> None:
    assert minimum_length_scale(np.ones((32, 32), np.uint8)) == (32, 32)


@pytest.mark.parametrize("side", [32, 48])
def test_it_is_the_same_wherever_the_cell_begins(side: int) -> None:
    rng = np.random.default_rng(5)
    image = (rng.random((side, side)) < 0.5).astype(np.uint8)
    for row, column in ((1, 0), (7, 13)):
        assert minimum_length_scale(np.roll(image, (row, column), axis=(0, 1))) == minimum_length_scale(image)


@pytest.mark.bench
@pytest.mark.authors
def test_imageruler_measures_the_same(authors_dir: Path) -> None:
    imageruler = pytest.importorskip("imageruler")
    from ganmdn.authors import read_published_data
    from results.fabrication.rounding import rounded

    images = read_published_data(authors_dir / "dataset_z4_part.hdf5").images
    rng = np.random.default_rng(0)
    for diameter in (1, 3, 4, 6):
        for published in images[:20]:
            image = rounded(published, diameter, rng) if diameter > 1 else published
            assert minimum_length_scale(image) == imageruler.minimum_length_scale(image == 1, periodic=(True, True))
