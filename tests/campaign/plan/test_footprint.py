from __future__ import annotations

from collections.abc import Callable

from campaign.plan.footprint import ARRAYS, ARRAYS_WRITTEN, BLOCK_BYTES, Footprint, footprint, images_footprint
from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec
from campaign.stages import KINDS


def test_footprints_add_up() -> None:
    assert Footprint(1, 2) + Footprint(10, 20) == Footprint(11, 22)


def test_a_store_has_files_for_every_unit_and_bits_for_every_pixel(make_spec: Callable[..., Spec]) -> None:
    pipeline = Pipeline.of(make_spec(), KINDS)
    one, four = (footprint([pipeline["labels/data-ii"]], lambda stage, rows=rows: rows) for rows in (80, 20))
    assert four.files - one.files == 3 * ARRAYS_WRITTEN
    assert one.files == ARRAYS + ARRAYS_WRITTEN + 1
    assert one.size == 80 * (64 * 64 // 8 + 200) + (one.files - 1) * BLOCK_BYTES + BLOCK_BYTES


def test_images_take_a_bit_a_pixel() -> None:
    more, less = images_footprint(1000, 64), images_footprint(0, 64)
    assert more.size - less.size == 1000 * (64 * 64 // 8 + 64)
