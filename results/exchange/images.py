"""Stores of images of one's own: with a property that was measured or simulated elsewhere, or still without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from results.exchange.netcdf import FACTS
from results.files import atomic_folder
from results.images.image_files import HDF5, PICTURES, ImageError, read_array, read_images
from results.images.two_phases import Preparation, two_phases
from results.stores.layout import Status
from results.stores.store import SimulationStore

ROWS_PER_UNIT = 256
UNLABELLED = "NotLabelled"  # error class of a row without a property


def holds_images(path: Path) -> bool:
    """Whether a path is of images, and neither an exported store nor a published data set, which has latents z."""
    if path.suffix.lower() not in HDF5 or not path.is_file():
        return path.is_dir() or path.suffix.lower() in (*PICTURES, ".npy")
    try:
        with h5py.File(path, "r") as file:
            return "z" not in file and FACTS not in file
    except OSError:
        return False


def import_images(
    path: Path,
    target: Path,
    preparation: Preparation,
    image_px: int | None = None,
    array: str | None = None,
    y: str | None = None,
) -> SimulationStore:
    """Make a store of images; it appears whole or not at all.

    Parameters
    ----------
    path, array
        See ``image_files.read_images``.
    target
        Where the store is to be.
    preparation
        How images become microstructures.
    image_px
        Their side; default: that of the first image, the shorter one.
    y
        The property of each: a file (.npy, .csv, .txt) of a number an image, or the name of an array beside the images.
        Rows without one, and those where it is not finite, are kept as failed ones.

    Raises
    ------
    ImageError
        An image or the property is not what it should be.
    FileExistsError
        Something lies at ``target``.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists already; name another store, or remove it first")
    images = read_images(path, array)
    side = image_px or min(images[0].values.shape)
    prepared = two_phases(images, side, preparation, allow_one_phase=True)
    values = np.full(len(prepared.images), np.nan) if y is None else _property(path, y, len(prepared.images))
    attributes = {"origin": "images", "source_file": path.name, "preparation": asdict(prepared.facts)}
    with atomic_folder(target) as staging:
        store = SimulationStore.create(
            staging,
            capacity=len(values),
            latent_shape=None,
            image_px=side,
            rows_per_unit=min(len(values), ROWS_PER_UNIT),
            inputs={"source_image": np.str_},
            attributes=attributes,
        )
        for unit in store.missing_units():
            store.write_unit(unit, _rows(prepared.images, prepared.names, values, store.unit_rows(unit)))
        store.finish()
    return SimulationStore.open(target)


def _rows(images: np.ndarray, names: tuple[str, ...], y: np.ndarray, rows: slice) -> Mapping[str, Any]:
    known = np.isfinite(y[rows])
    return {
        "image": images[rows],
        "source_image": np.array(names[rows], object),
        "y": np.where(known, y[rows], np.nan),
        "status": np.where(known, Status.DONE, Status.FAILED),
        "error_class": np.where(known, "", UNLABELLED),
        "error_message": np.where(known, "", "came without a property"),
    }


def _property(path: Path, y: str, count: int) -> np.ndarray:
    """The property of every image, float64 (count,)."""
    file = Path(y)
    if not file.is_file():
        values = read_array(path, y)
    elif file.suffix == ".npy":
        values = read_array(file)
    else:
        try:
            values = np.loadtxt(file, delimiter=",", ndmin=1)
        except ValueError as error:
            raise ImageError(f"y must be a number an image, {file.name} has others", "write a line an image") from error
    if values.shape != (count,) or values.dtype.kind not in "iuf":
        raise ImageError(
            f"y must be {count} numbers, one an image, {y} has {values.dtype} {values.shape}", "correct it"
        )
    return values.astype(np.float64)
