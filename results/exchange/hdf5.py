"""Import of a published data set (HDF5) as a labelled store, checked before anything is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from results.files import atomic_folder
from results.stores.layout import Status
from results.stores.store import SimulationStore

ROWS_PER_UNIT = 256
ROUNDING = 1e-6  # by which an absorption may miss 0 and 1
UNLABELLED = "NotPublished"  # error class of a row without its numbers
SHOWN_ROWS = 5  # that a message names
KINDS = {
    "b": "truth values",
    "c": "complex numbers",
    "S": "text",
    "U": "text",
    "O": "objects or text",
    "V": "a compound",
}


class ImportDataError(ValueError):
    """A data file that is not what the authors published; the message names the file, the data set and the row."""


@dataclass(frozen=True)
class PublishedArrays:
    """The arrays of the published layout, checked.

    z float32 (n, h, w), images uint8 (n, px, px) of 0/1, y float64 (n,) absorption, row int64 (n,) or None.
    """

    z: np.ndarray
    images: np.ndarray
    y: np.ndarray
    row: np.ndarray | None

    @property
    def is_labelled(self) -> np.ndarray:
        """Rows whose y and z are numbers, bool (n,)."""
        return np.isfinite(self.y) & np.isfinite(self.z).all(axis=(1, 2))


def import_published(data_hdf5: Path | str, store_path: Path | str) -> SimulationStore:
    """Make a labelled store of the authors' HDF5 file: y is its absorption, reflection and transmission are NaN.

    Layout read: ``z`` (n, h, w), ``x`` (n, px, px) of 0/1, ``y`` (n,), optionally ``row`` (n,), the index in the full
    published file, kept as the column published_row. Rows whose y or z is NaN or infinite are kept as failed ones. The
    store appears whole or not at all. Raises FileNotFoundError, FileExistsError, or ImportDataError for anything unlike
    that layout.
    """
    source, path = Path(data_hdf5), Path(store_path)
    data = _read(source)
    if not data.is_labelled.any():
        raise ImportDataError(f"{source}: y and z must be finite somewhere, and are in none of {len(data.y)} rows")
    if path.exists():
        raise FileExistsError(f"{path} exists already; name another store, or remove it first")
    with atomic_folder(path) as staging:
        _write(data, source, staging)
    return SimulationStore.open(path)


def read_published(path: Path | str) -> PublishedArrays:
    """Read and check the authors' HDF5 file (see :func:`import_published`); every row must have its numbers."""
    data = _read(Path(path))
    if not data.is_labelled.all():
        rows = _listed(np.flatnonzero(~data.is_labelled))
        raise ImportDataError(f"{path}: y and z must be finite, got NaN or infinity in {rows}; leave them out")
    return data


def _read(path: Path) -> PublishedArrays:
    if not path.is_file():
        raise FileNotFoundError(f"no data file at {path}")
    if not h5py.is_hdf5(path):
        raise ImportDataError(f"{path} is not an HDF5 file")
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in ("z", "x", "y") if not isinstance(file.get(name), h5py.Dataset)]
            if missing:
                found = ", ".join(file) or "none"
                raise ImportDataError(f"no data set {', '.join(missing)} (needed: z, x, y; found: {found})")
            arrays = {name: _numbers(file, name) for name in ("z", "x", "y", "row") if name in file}
        return _checked(**arrays)
    except OSError as error:  # of a file that was cut short, or a filter that is not there
        raise ImportDataError(f"{path} cannot be read: {error}") from error
    except ImportDataError as error:
        raise ImportDataError(f"{path}: {error}") from None


def _numbers(file: h5py.File, name: str) -> np.ndarray:
    """A data set of real numbers, or of truth values for the images."""
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise ImportDataError(f"{name} must hold numbers, got {'an empty data set' if name in file else 'a group'}")
    if dataset.dtype.kind not in ("biuf" if name == "x" else "iuf"):
        kind = KINDS.get(dataset.dtype.kind, str(dataset.dtype))
        raise ImportDataError(f"{name} must hold real numbers, got {kind} ({dataset.dtype})")
    return np.asarray(dataset)


def _checked(z: np.ndarray, x: np.ndarray, y: np.ndarray, row: np.ndarray | None = None) -> PublishedArrays:
    count = len(y) if y.ndim == 1 else 0
    if not count:
        raise ImportDataError(f"y must have shape (n,) with n > 0, got {y.shape}")
    if z.ndim != 3 or len(z) != count or not z.size:
        raise ImportDataError(f"z must have shape ({count}, h, w), as y has {count} rows, got {z.shape}")
    if x.ndim != 3 or len(x) != count or x.shape[1] != x.shape[2] or not x.size:
        raise ImportDataError(f"x must have shape ({count}, px, px), as y has {count} rows, got {x.shape}")
    _refuse(x, ~np.isin(x, (0, 1)), "x must hold only 0 and 1")
    _refuse(y, (y < -ROUNDING) | (y > 1 + ROUNDING), "y must be a fraction from 0 to 1")
    with np.errstate(over="ignore"):
        latent = z.astype(np.float32)
    _refuse(z, np.isinf(latent) & np.isfinite(z), "z must hold numbers of single precision")
    if row is not None and (row.shape != y.shape or row.dtype.kind not in "iu"):
        raise ImportDataError(f"row must be {count} integers, as y has {count} rows, got {row.dtype} {row.shape}")
    if row is not None:
        _refuse(row, row > np.iinfo(np.int64).max, "row must hold integers of 64 bits")
    return PublishedArrays(latent, x.astype(np.uint8), y.astype(np.float64), row)


def _refuse(values: np.ndarray, is_wrong: np.ndarray, rule: str) -> None:
    """ImportDataError that names the first wrong value and its row."""
    rows = np.flatnonzero(is_wrong.reshape(len(values), -1).any(axis=1))
    if len(rows):
        first = values[rows[0]][is_wrong[rows[0]]].flat[0]
        raise ImportDataError(f"{rule}, got {first!s} in {_listed(rows)}")


def _listed(rows: np.ndarray) -> str:
    """Rows as a message names them."""
    named = ", ".join(map(str, rows[:SHOWN_ROWS]))
    if len(rows) == 1:
        return f"row {named}"
    return f"rows {named}" if len(rows) <= SHOWN_ROWS else f"{len(rows)} rows, the first {named}"


def _write(data: PublishedArrays, source: Path, path: Path) -> None:
    count = len(data.y)
    store = SimulationStore.create(
        path,
        capacity=count,
        latent_shape=data.z.shape[1:],
        image_px=data.images.shape[1],
        rows_per_unit=min(count, ROWS_PER_UNIT),
        properties=("absorption",),
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
        labelled = data.is_labelled[rows]
        store.write_unit(
            unit,
            {
                **values,
                "status": np.where(labelled, Status.DONE, Status.FAILED),
                "error_class": np.where(labelled, "", UNLABELLED),
                "error_message": np.where(labelled, "", "y or z is not finite in the published file"),
            },
        )
    store.finish()
