from __future__ import annotations

import numpy as np
import pytest

from results.fabrication.brush import disc, pixels_of


def test_brushes_are_as_published() -> None:
    # Chen et al., JOSA B 41, A161 (2024), figure 2: a pixel, a square, a cross, and from there on discs.
    assert disc(1).tolist() == [[True]]
    assert disc(2).all()
    assert disc(3).astype(int).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert disc(4).astype(int).tolist() == [[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]]
    assert disc(5).sum() == 21


@pytest.mark.parametrize("diameter", range(1, 30))
def test_brushes_look_the_same_from_every_side(diameter: int) -> None:
    brush = disc(diameter)
    assert brush.shape == (diameter, diameter)
    assert np.array_equal(brush, brush.T)
    assert np.array_equal(brush, brush[::-1])


def test_a_length_takes_whole_pixels() -> None:
    assert pixels_of(60, 19.2974) == 4
    assert pixels_of(60, 30) == 2
    assert pixels_of(0.3, 0.1) == 3  # though 0.3 / 0.1 is above 3 in binary
    assert pixels_of(1, 19.3) == 1


def test_a_brush_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^diameter_px must be at least 1, got 0$"):
        disc(0)
