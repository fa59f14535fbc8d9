from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganmdn.label_table import LabelTable
from ganmdn.nearest_labels import NearestLabels
from ganmdn.random_labels import RandomLabels

SEED = np.random.SeedSequence(3)
RNG = np.random.default_rng(0)
IMAGES = (RNG.random((6, 5, 5)) < 0.4).astype(np.uint8)  # a side that is no multiple of 8, for the packing
Y = np.array([0.5, 0.75, 0.625, 0.6875, 0.5625, 0.9])


def test_nearest_come_first_and_of_equal_ones_the_earlier() -> None:
    assert LabelTable(Y, IMAGES).nearest(0.625, 4).tolist() == [2, 3, 4, 0]  # 0.6875 and 0.5625 are as near


def test_designs_are_the_labels_themselves_with_what_is_known_of_them() -> None:
    z = RNG.random((6, 2, 2)).astype(np.float32)
    designs = NearestLabels(LabelTable(Y, IMAGES, z)).design(0.88, 2, SEED)
    np.testing.assert_array_equal(designs.images, IMAGES[[5, 1]])
    np.testing.assert_array_equal(designs.z, z[[5, 1]])
    assert designs.predicted.tolist() == [0.9, 0.75]
    assert designs.deviation.tolist() == [0, 0]


def test_random_labels_are_different_ones_whatever_the_target() -> None:
    model = RandomLabels(LabelTable(Y, IMAGES))
    everything = model.design(0.5, 6, SEED)
    assert sorted(everything.predicted) == sorted(Y)
    np.testing.assert_array_equal(model.design(0.9, 6, SEED).images, everything.images)


@pytest.mark.parametrize("with_latents", [True, False])
def test_a_table_is_saved_whole(with_latents: bool, tmp_path: Path) -> None:
    table = LabelTable(Y, IMAGES, RNG.random((6, 2, 2)) if with_latents else None)
    table.save(tmp_path / "new")
    loaded = LabelTable.load(tmp_path / "new")
    np.testing.assert_array_equal(loaded.images, IMAGES)
    np.testing.assert_array_equal(loaded.y, Y)
    assert (loaded.z is None) is not with_latents
    if with_latents:
        np.testing.assert_array_equal(loaded.z, table.z)


def test_refusals_name_the_argument() -> None:
    with pytest.raises(ValueError, match="count must lie between 1 and the 6 labels, got 7"):
        NearestLabels(LabelTable(Y, IMAGES)).design(0.5, 7, SEED)
    with pytest.raises(ValueError, match="count must lie between 1 and the 6 labels, got 0"):
        RandomLabels(LabelTable(Y, IMAGES)).design(0.5, 0, SEED)
    with pytest.raises(ValueError, match=r"y must have shape \(n,\) with n = 6 of at least 1, got \(5,\)"):
        LabelTable(Y[1:], IMAGES)
    with pytest.raises(ValueError, match=r"y must be finite, 2 of 6 rows are not \(first: 1\)"):
        LabelTable(np.where(Y == 0.75, np.nan, np.where(Y == 0.9, np.inf, Y)), IMAGES)
