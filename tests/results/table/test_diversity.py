"""Distances between designs, and copies among them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ganmdn.candidate_choice import mean_distance, pixel_distances
from results.table.diversity import count_copies, mean_pixel_distance


@given(arrays(np.uint8, st.tuples(st.integers(2, 12), st.just(4), st.just(6)), elements=st.integers(0, 1)))
def test_the_mean_is_that_of_all_pairs_looked_at_one_by_one(images: np.ndarray) -> None:
    assert mean_pixel_distance(images) == pytest.approx(mean_distance(pixel_distances(images)), abs=1e-6)


def test_a_single_image_has_no_distance() -> None:
    assert mean_pixel_distance(np.zeros((1, 4, 4), np.uint8)) is None
    assert mean_pixel_distance(np.zeros((0, 4, 4), np.uint8)) is None


def test_copies_count_beyond_the_first_of_each() -> None:
    images = np.zeros((5, 4, 4), np.uint8)
    images[3] = 1
    images[4, 0, 0] = 1
    assert count_copies(images) == 2
    assert count_copies(images[2:]) == 0
