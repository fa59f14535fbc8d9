"""Stores as HDF5: laid out as NetCDF-4 wants it, so that ``.h5`` and ``.nc`` are the same file.

Every dimension has a coordinate of its name, a dimension scale, created in order (NetCDF-4 format, 'interoperability
with HDF5'). Images lie as 0/1 bytes (sim, row, column); truth values as bytes; the facts as JSON in ``store_facts``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from results.exchange.contents import BATCH_ROWS, Batch, ExchangeError, Facts, batches, make_store, no_store
from results.files import atomic_path
from results.stores.descriptions import description
from results.stores.layout import ArrayLayout, Status
from results.stores.store import SimulationStore

FACTS = "store_facts"
TEXT = h5py.string_dtype()


def is_exported(path: Path) -> bool:
    """Whether a file is HDF5 with a store's facts."""
    try:
        with h5py.File(path, "r") as file:
            return FACTS in file
    except OSError:
        return False


def write_netcdf(store: SimulationStore, path: Path) -> None:
    """The store as one file, whole or not at all; rows that were not simulated hold fill values and status 0."""
    arrays = store.layout.arrays()
    with atomic_path(path) as temporary, h5py.File(temporary, "w", track_order=True) as file:
        file.create_dataset(FACTS, data=Facts.of(store).to_json(), dtype=TEXT)
        _coordinates(file, store)
        for array in arrays.values():
            _empty(file, array, store)
        for batch in batches(store):
            where = slice(int(batch["sim"][0]), int(batch["sim"][-1]) + 1)
            for name, array in arrays.items():
                file[name][where] = _as_stored(batch[name], array)


def read_netcdf(path: Path, target: Path) -> SimulationStore:
    """A store of such a file. Raises ExchangeError where it is none, or was cut short."""
    try:
        with h5py.File(path, "r") as file:
            if FACTS not in file:
                raise no_store(path)
            facts = Facts.from_json(file[FACTS][()].decode(), path)
            lacking = sorted(set(facts.layout.arrays()) - set(file))
            if lacking:
                raise ExchangeError(f"{path}: no array {', '.join(lacking)}; export it again")
            return make_store(target, facts, path, _batches(file, facts))
    except OSError as error:
        if isinstance(error, FileExistsError) or error.filename is not None:
            raise
        raise ExchangeError(f"{path} cannot be read as HDF5 ({error}); copy it again") from error


def _batches(file: h5py.File, facts: Facts) -> Iterator[Batch]:
    per_unit, arrays = facts.layout.rows_per_unit, facts.layout.arrays()
    step = max(1, BATCH_ROWS // per_unit) * per_unit
    for start in range(0, facts.capacity, step):
        rows = slice(start, min(start + step, facts.capacity))
        written = file["status"][rows] != Status.MISSING
        if written.any():
            sim = np.arange(rows.start, rows.stop)[written]
            yield {"sim": sim} | {name: _as_read(file[name], rows, each)[written] for name, each in arrays.items()}


def _coordinates(file: h5py.File, store: SimulationStore) -> None:
    layout = store.layout
    axes: dict[str, Any] = {"sim": np.arange(store.capacity)}
    axes |= {"row": np.arange(layout.image_px), "column": np.arange(layout.image_px)}
    axes |= {f"latent_{axis}": np.arange(length) for axis, length in enumerate(layout.latent_shape or ())}
    if layout.wavelengths_nm:
        axes["wavelength_nm"] = np.array(layout.wavelengths_nm)
    for name, values in axes.items():
        file.create_dataset(name, data=values)
    if layout.layers:
        axes["layer"] = None
        file.create_dataset("layer", data=np.array(layout.layers, object), dtype=TEXT)
    for name in axes:
        file[name].make_scale(name)
        file[name].attrs.update(description(name))


def _empty(file: h5py.File, array: ArrayLayout, store: SimulationStore) -> None:
    is_image = array.name == "image"
    px = store.layout.image_px
    shape = (store.capacity, px, px) if is_image else (store.capacity, *array.row_shape)
    dimensions = ("sim", "row", "column") if is_image else ("sim", *array.dimensions)
    chunk = max(1, min(store.capacity, 262_144 // max(1, px * px if is_image else array.row_bytes)))
    made = file.create_dataset(
        array.name,
        shape,
        _type(array),
        chunks=(chunk, *shape[1:]),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
        fletcher32=array.dtype != "string",
        fillvalue=None if array.dtype == "string" else np.array(array.fill, _type(array)),
    )
    for axis, name in enumerate(dimensions):
        made.dims[axis].attach_scale(file[name])
    facts = description(array.name, store.layout.properties)
    made.attrs.update({"long_name": "microstructure, 0 or 1; rows are y, columns x"} if is_image else facts)


def _type(array: ArrayLayout) -> Any:
    if array.dtype == "string":
        return TEXT
    return np.dtype("uint8") if array.dtype == "bool" else np.dtype(array.dtype)


def _as_stored(values: np.ndarray, array: ArrayLayout) -> np.ndarray:
    return values.astype(object if array.dtype == "string" else _type(array))


def _as_read(dataset: h5py.Dataset, rows: slice, array: ArrayLayout) -> np.ndarray:
    if array.dtype == "string":
        return np.array(dataset.asstr()[rows], object)
    return np.asarray(dataset[rows]).astype(array.dtype)
