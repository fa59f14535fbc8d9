from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from results.designs.packed_images import pack_images, unpack_images


@given(px=st.integers(1, 20), count=st.integers(0, 4), seed=st.integers(0, 1000))
def test_packing_loses_nothing(px: int, count: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 2, (count, px, px), dtype=np.uint8)
    np.testing.assert_array_equal(unpack_images(pack_images(images), px), images)


def test_first_pixel_is_the_highest_bit() -> None:
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 0, 0] = image[0, 2, 1] = 1
    assert pack_images(image).tolist() == [[0b1000_0000, 0b0100_0000]]
