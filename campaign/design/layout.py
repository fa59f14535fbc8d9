"""Designs as a layout file, read again to be sure."""

from __future__ import annotations

from pathlib import Path

from campaign.design.fitted import FittedMethod
from campaign.design.outcome import DesignOutcome
from results.fabrication.gds import check_tile, read_gds, write_gds


def check_layout(path: Path, source: FittedMethod, tile: tuple[int, int]) -> None:
    """Refuse early what could not be written.

    Raises
    ------
    ValueError
        The simulator does not say how large a pixel is, or the tile is too large.
    FileNotFoundError
        The file's folder does not exist.
    """
    if source.pixel_nm is None:
        raise ValueError("--gds needs the size of a pixel, which the run's simulator does not tell")
    check_tile((source.config.image_px,) * 2, source.pixel_nm, tile)
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: its folder does not exist; create it first")


def write_layout(path: Path, outcome: DesignOutcome, tile: tuple[int, int]) -> None:
    """Write a cell a design, ``DESIGN_0`` and so on by its number; see ``results.fabrication.gds``.

    Raises
    ------
    OSError
        The file cannot be written, or does not hold the designs when it is read again.
    """
    pixel_nm = outcome.source.pixel_nm
    if pixel_nm is None:
        raise ValueError("a layout needs the size of a pixel, which the run's simulator does not tell")
    images = {f"DESIGN_{row}": image for row, image in enumerate(outcome.images)}
    write_gds(path, images, pixel_nm, tile)
    again = read_gds(path, outcome.images[0].shape, pixel_nm)
    wrong = [name for name, image in images.items() if name not in again or (again[name] != image).any()]
    if wrong:
        raise OSError(f"{path} does not hold the pixels of {', '.join(wrong)} when it is read again")
