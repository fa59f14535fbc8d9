from __future__ import annotations

from pathlib import Path

import numpy as np

from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images


def test_designs_come_back_as_saved(tmp_path: Path) -> None:
    images = (np.random.default_rng(3).random((5, 64, 64)) < 0.4).astype(np.uint8)
    DesignSet({"image": pack_images(images), "target": np.linspace(0.5, 0.7, 5)}).save(tmp_path)
    designs = DesignSet.open(tmp_path)
    assert len(designs) == 5
    assert designs.image_px == 64
    np.testing.assert_array_equal(designs.images, images)
    rows = designs.rows(slice(1, 3))
    np.testing.assert_array_equal(rows["image"], images[1:3])
    np.testing.assert_array_equal(rows["target"], np.linspace(0.5, 0.7, 5)[1:3])
