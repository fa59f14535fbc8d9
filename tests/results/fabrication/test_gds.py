from __future__ import annotations

from pathlib import Path

import klayout.db as kdb
import numpy as np
import pytest

from results.fabrication.gds import BLACK_LAYER, WHITE_LAYER, read_gds, write_gds

PIXEL_NM = 19.2974


def random_image(rng: np.random.Generator) -> np.ndarray:
    """Any share of white, in grains of one pixel to eight."""
    grain, side = rng.choice([1, 2, 4, 8]), rng.choice([32, 64, 96])
    coarse = rng.random((side // grain, side // grain)) < rng.random()
    return np.kron(coarse, np.ones((grain, grain))).astype(np.uint8)


@pytest.mark.long
@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_file_that_is_read_has_the_pixels_that_were_written(count: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(count)
    for number in range(count):
        image, pixel_nm = random_image(rng), rng.choice([PIXEL_NM, 31.25, 3.7, 100])
        write_gds(tmp_path / "image.gds", {"IMAGE": image}, pixel_nm)
        again = read_gds(tmp_path / "image.gds", image.shape, pixel_nm)
        assert np.array_equal(again["IMAGE"], image), number


def test_holes_islands_and_corners_are_kept(tmp_path: Path) -> None:
    image = np.zeros((32, 32), np.uint8)
    image[2:30, 2:30] = 1
    image[6:26, 6:26] = 0
    image[10:20, 10:20] = 1
    image[14, 14] = 0
    image[20, 20] = 1  # touches by a corner
    write_gds(tmp_path / "image.gds", {"IMAGE": image}, PIXEL_NM)
    assert np.array_equal(read_gds(tmp_path / "image.gds", image.shape, PIXEL_NM)["IMAGE"], image)
    cell, layout = read_cell(tmp_path / "image.gds", "IMAGE")
    white = kdb.Region(cell.shapes(layout.find_layer(*WHITE_LAYER))).merged()
    assert sum(polygon.holes() for polygon in white.each()) == 2


def test_both_phases_fill_the_cell_of_the_specs_period(tmp_path: Path) -> None:
    image = random_image(np.random.default_rng(1))
    write_gds(tmp_path / "image.gds", {"IMAGE": image}, PIXEL_NM)
    cell, layout = read_cell(tmp_path / "image.gds", "IMAGE")
    white, black = (kdb.Region(cell.shapes(layout.find_layer(*layer))) for layer in (WHITE_LAYER, BLACK_LAYER))
    assert (white & black).is_empty()
    period_nm = len(image) * PIXEL_NM
    assert (white + black).merged().area() * (layout.dbu * 1e3) ** 2 == pytest.approx(period_nm**2, rel=1e-4)
    share = white.area() / (white.area() + black.area())
    assert share == pytest.approx(image.mean(), abs=2e-3)


def test_the_first_row_is_at_the_top(tmp_path: Path) -> None:
    image = np.zeros((32, 32), np.uint8)
    image[0, :3] = 1
    write_gds(tmp_path / "image.gds", {"IMAGE": image}, 100)
    cell, layout = read_cell(tmp_path / "image.gds", "IMAGE")
    box = kdb.Region(cell.shapes(layout.find_layer(*WHITE_LAYER))).bbox().to_dtype(layout.dbu)
    assert (box.left, box.bottom, box.right, box.top) == pytest.approx((0, 3.1, 0.3, 3.2))


def test_tiles_meet_without_gap_or_overlap(tmp_path: Path) -> None:
    image = random_image(np.random.default_rng(2))
    write_gds(tmp_path / "image.gds", {"IMAGE": image}, PIXEL_NM, tile=(3, 2))
    cell, layout = read_cell(tmp_path / "image.gds", "IMAGE_3X2")
    shapes = [kdb.Region(cell.begin_shapes_rec(layout.find_layer(*layer))) for layer in (WHITE_LAYER, BLACK_LAYER)]
    together = shapes[0] + shapes[1]
    assert together.merged().count() == 1
    assert together.area() == together.merged().area() == together.bbox().area()
    assert together.bbox().width() * 2 == together.bbox().height() * 3
    assert np.array_equal(read_gds(tmp_path / "image.gds", image.shape, PIXEL_NM)["IMAGE"], image)


def test_a_tile_beyond_the_formats_reach_is_refused(tmp_path: Path) -> None:
    image = np.zeros((64, 64), np.uint8)
    with pytest.raises(ValueError, match=r"^tile must be from 1x1 to 32767x32767 .* got 40000x1$"):
        write_gds(tmp_path / "image.gds", {"IMAGE": image}, PIXEL_NM, tile=(40000, 1))
    with pytest.raises(ValueError, match=r"got 0x1$"):
        write_gds(tmp_path / "image.gds", {"IMAGE": image}, PIXEL_NM, tile=(0, 1))
    assert list(tmp_path.iterdir()) == []


def test_the_same_designs_are_the_same_bytes(tmp_path: Path) -> None:
    image = random_image(np.random.default_rng(3))
    for name in ("a.gds", "b.gds"):
        write_gds(tmp_path / name, {"IMAGE": image}, PIXEL_NM)
    assert (tmp_path / "a.gds").read_bytes() == (tmp_path / "b.gds").read_bytes()


def read_cell(path: Path, name: str) -> tuple[kdb.Cell, kdb.Layout]:
    layout = kdb.Layout()
    layout.read(str(path))
    return layout.cell(name), layout
