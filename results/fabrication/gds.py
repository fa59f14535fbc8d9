"""Images as layout files (GDSII), by KLayout: polygons with the size that the simulation gave a pixel.

Row 0 of an image is at the top, as in a picture of it: the layout is the view from above, where the light comes from.
Both phases are drawn, each on a layer of its own, so that a fab takes the one that it writes; together they fill the
cell. Corners lie on a grid of 0.1 nm, so that a pixel of 19.2974 nm is 19.2 to 19.3 nm wide, none of it is lost, and
cells that are put side by side meet exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import klayout.db as kdb
import numpy as np

from results.files import atomic_path

GRID_UM = 1e-4
WHITE_LAYER, BLACK_LAYER = (1, 0), (2, 0)  # layer and data type
MOST_VERTICES = 4000  # of a polygon: longer records are read by some programs alone
MOST_COPIES = 32767  # of a cell in an array: GDSII has 16 bits
FARTHEST = 2**31 - 1  # in units of the grid: GDSII has 32 bits


def write_gds(path: Path, images: Mapping[str, np.ndarray], pixel_nm: float, tile: tuple[int, int] = (1, 1)) -> None:
    """Write a cell an image, by name; the file is there whole or not at all.

    Parameters
    ----------
    path
        File to write, replaced if it is there.
    images
        0/1, (H, W) each.
    pixel_nm
        Side of a pixel.
    tile
        Copies to the right and upwards; more than one make a cell ``<name>_10X10`` that repeats the image's cell.

    Raises
    ------
    ValueError
        The layout is larger than GDSII's coordinates reach.
    """
    for image in images.values():
        check_tile(image.shape, pixel_nm, tile)
    layout = kdb.Layout()
    layout.dbu = GRID_UM
    layers = [layout.layer(kdb.LayerInfo(*layer)) for layer in (WHITE_LAYER, BLACK_LAYER)]
    for name, image in images.items():
        cell = layout.create_cell(name)
        for layer, phase in zip(layers, (image == 1, image == 0), strict=True):
            cell.shapes(layer).insert(_region(phase, pixel_nm))
        if tile != (1, 1):
            _repeat(layout, cell, image.shape, pixel_nm, tile)
    with atomic_path(path) as temporary:
        layout.write(str(temporary), _options())


def check_tile(shape: tuple[int, ...], pixel_nm: float, tile: tuple[int, int]) -> None:
    """Raise ValueError where so many copies of an image (H, W) go beyond GDSII's coordinates, or are none."""
    width, height = _size(shape, pixel_nm)
    most = min(MOST_COPIES, FARTHEST // max(width, height))
    if not 1 <= min(tile) <= max(tile) <= most:
        raise ValueError(f"tile must be from 1x1 to {most}x{most} for a cell of this size, got {tile[0]}x{tile[1]}")


def read_gds(path: Path, shape: tuple[int, int], pixel_nm: float) -> dict[str, np.ndarray]:
    """Images of a file's cells that hold polygons, by name: uint8 0/1 ``shape``, 1 where most of a pixel is white."""
    layout = kdb.Layout()
    layout.read(str(path))
    white = layout.find_layer(*WHITE_LAYER)
    found = {}
    for cell in layout.each_cell():
        if cell.child_instances():
            continue
        region = kdb.Region() if white is None else kdb.Region(cell.shapes(white))
        found[cell.name] = _pixels(region, shape, pixel_nm * 1e-3 / layout.dbu)
    return found


def _options() -> kdb.SaveLayoutOptions:
    options = kdb.SaveLayoutOptions()
    options.format = "GDS2"
    options.gds2_max_vertex_count = MOST_VERTICES
    options.gds2_write_timestamps = False  # the same designs, the same bytes
    return options


def _edges(pixels: int, pixel_nm: float) -> np.ndarray:
    """Where pixels begin and end, in units of the grid."""
    return np.rint(np.arange(pixels + 1) * pixel_nm * 1e-3 / GRID_UM).astype(np.int64)


def _size(shape: tuple[int, ...], pixel_nm: float) -> tuple[int, int]:
    """Width and height of an image (H, W) in units of the grid."""
    return int(_edges(shape[1], pixel_nm)[-1]), int(_edges(shape[0], pixel_nm)[-1])


def _region(phase: np.ndarray, pixel_nm: float) -> kdb.Region:
    """Polygons, with holes, of the pixels where ``phase`` holds, bool (H, W)."""
    height, width = phase.shape
    across, up = _edges(width, pixel_nm).tolist(), _edges(height, pixel_nm)[::-1].tolist()
    runs = np.diff(np.pad(phase.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    region = kdb.Region()
    for row in range(height):
        starts, ends = np.flatnonzero(runs[row] == 1), np.flatnonzero(runs[row] == -1)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            region.insert(kdb.Box(across[start], up[row + 1], across[end], up[row]))
    region.min_coherence = True  # pixels that share a corner alone stay two polygons
    return region.merged()


def _repeat(layout: kdb.Layout, cell: kdb.Cell, shape: tuple[int, ...], pixel_nm: float, tile: tuple[int, int]) -> None:
    width, height = _size(shape, pixel_nm)
    array = layout.create_cell(f"{cell.name}_{tile[0]}X{tile[1]}")
    pitches = kdb.Vector(width, 0), kdb.Vector(0, height)
    array.insert(kdb.CellInstArray(cell.cell_index(), kdb.Trans(), *pitches, *tile))


def _pixels(region: kdb.Region, shape: tuple[int, int], pixel: float) -> np.ndarray:
    """Share of each pixel that is covered, rounded to 0 or 1; ``pixel`` in units of the layout's grid."""
    height, width = shape
    covered = np.zeros(shape)
    for polygon in region.each_merged():
        for part in polygon.decompose_trapezoids(kdb.Polygon.TD_htrapezoids):
            covered += _share(part.bbox(), height, width, pixel)
    return (covered > 0.5).astype(np.uint8)


def _share(box: kdb.Box, height: int, width: int, pixel: float) -> np.ndarray:
    """Share of each pixel, (height, width), below an upright rectangle."""
    right = np.clip(box.right / pixel - np.arange(width), 0, 1) - np.clip(box.left / pixel - np.arange(width), 0, 1)
    rows = np.arange(height)[::-1]  # counted from below
    up = np.clip(box.top / pixel - rows, 0, 1) - np.clip(box.bottom / pixel - rows, 0, 1)
    return np.outer(up, right)
