"""Import of a published data set (HDF5) as a labelled store, checked before anything is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from results.files import atomic_folder
from results.layout import Status
from results.store import SimulationStore

ROWS_PER_UNIT = 256


class ImportDataError(ValueError):
    """A data file that is not what the authors published; the message names the file and the data set."""


@dataclass(frozen=True)
class PublishedArrays:
    """The arrays of the published layout, checked.

    z float32 (n, h, w), images uint8 (n, px, px) of 0/1, y float64 (n,) absorption, row int64 (n,) or None.
    """

    z: np.ndarray
    images: np.ndarray
    y: np.ndarray
    row: np.ndarray | None


def import_published(data_hdf5: Path | str, store_path: Path | str) -> SimulationStore:
    """Make a labelled store of the authors' HDF5 file: y is its absorption, reflection and transmission are NaN.

    Layout read: ``z`` (n, h, w), ``x`` (n, px, px) of 0/1, ``y`` (n,), optionally ``row`` (n,), the index in the full
    published file, kept as the column published_row. The store appears whole or not at all. Raises FileNotFoundError,
    FileExistsError, or ImportDataError for anything unlike that layout.
    """
    source, path = Path(data_hdf5), Path(store_path)
    data = read_published(source)
    if path.exists():
        raise FileExistsError(f"{path} exists already; name another store, or remove it first")
    with atomic_folder(path) as staging:
        _write(data, source, staging)
    return SimulationStore.open(path)


def read_published(path: Path | str) -> PublishedArrays:
    """Read and check the authors' HDF5 file (see :func:`import_published`)."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no data file at {path}")
    if not h5py.is_hdf5(path):
        raise ImportDataError(f"{path} is not an HDF5 file")
    with h5py.File(path, "r") as file:
        missing = [name for name in ("z", "x", "y") if not isinstance(file.get(name), h5py.Dataset)]
        if missing:
            found = ", ".join(file) or "none"
            raise ImportDataError(f"{path}: no data set {', '.join(missing)} (needed: z, x, y; found: {found})")
        arrays = {name: np.asarray(file[name]) for name in ("z", "x", "y", "row") if name in file}
    try:
        return _checked(**arrays)
    except ImportDataError as error:
        raise ImportDataError(f"{path}: {error}") from None


def _checked(z: np.ndarray, x: np.ndarray, y: np.ndarray, row: np.ndarray | None = None) -> PublishedArrays:
    count = len(y) if y.ndim == 1 else 0
    if not count:
        raise ImportDataError(f"y must have shape (n,) with n > 0, got {y.shape}")
    if z.ndim != 3 or len(z) != count:
        raise ImportDataError(f"z must have shape ({count}, h, w), as y has {count} rows, got {z.shape}")
    if x.ndim != 3 or len(x) != count or x.shape[1] != x.shape[2]:
        raise ImportDataError(f"x must have shape ({count}, px, px), as y has {count} rows, got {x.shape}")
    if not np.isin(x, (0, 1)).all():
        raise ImportDataError(f"x must hold only 0 and 1, got values from {x.min()} to {x.max()}")
    if not (np.isfinite(y).all() and np.isfinite(z).all()):
        raise ImportDataError("y and z must be finite, got NaN or infinity")
    if y.min() < 0 or y.max() > 1:
        raise ImportDataError(f"y must be an absorption from 0 to 1, got values from {y.min():.4g} to {y.max():.4g}")
    if row is not None and (row.shape != y.shape or row.dtype.kind not in "iu"):
        raise ImportDataError(f"row must be {count} integers, as y has {count} rows, got {row.dtype} {row.shape}")
    return PublishedArrays(z.astype(np.float32), x.astype(np.uint8), y.astype(np.float64), row)


def _write(data: PublishedArrays, source: Path, path: Path) -> None:
    count = len(data.y)
    store = SimulationStore.create(
        path,
        capacity=count,
        latent_shape=data.z.shape[1:],
        image_px=data.images.shape[1],
        rows_per_unit=min(count, ROWS_PER_UNIT),
        inputs={} if data.row is None else {"published_row": np.int64},
        attributes={
            "origin": "published",
            "source_file": source.name,
            "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            "note": "y and absorption are the published values; reflection and transmission were not published",
        },
    )
    for unit in store.missing_units():
        rows = store.unit_rows(unit)
        values = {"z": data.z[rows], "image": data.images[rows], "y": data.y[rows], "absorption": data.y[rows]}
        if data.row is not None:
            values["published_row"] = data.row[rows]
        store.write_unit(unit, {**values, "status": np.full(len(data.y[rows]), Status.DONE)})
