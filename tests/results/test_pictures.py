from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from results.pictures import save_picture


@pytest.mark.parametrize(("side", "scale"), [(64, 8), (96, 6), (512, 1), (600, 1)])
def test_a_picture_is_large_enough_to_be_seen_and_has_every_pixel(side: int, scale: int, tmp_path: Path) -> None:
    coarse = (np.random.default_rng(0).random((side // 4, side // 4)) < 0.4).astype(np.uint8)
    image = np.kron(coarse, np.ones((4, 4), np.uint8))  # a file of noise takes long
    save_picture(image, tmp_path / "image.png")
    with Image.open(tmp_path / "image.png") as picture:
        assert picture.mode == "L"
        pixels = np.asarray(picture)
    assert pixels.shape == (side * scale, side * scale)
    assert np.array_equal(pixels, np.kron(image * 255, np.ones((scale, scale))))
