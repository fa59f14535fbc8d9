"""Stores as Parquet: a column an array, latents as lists, images as packed bits; the facts in the file's metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from results.designs.packed_images import pack_images, unpack_images
from results.exchange.contents import Batch, ExchangeError, Facts, batches, make_store, no_store
from results.files import atomic_path
from results.stores.layout import ArrayLayout
from results.stores.store import SimulationStore

if TYPE_CHECKING:
    import pyarrow

FACTS = b"store_facts"


def write_parquet(store: SimulationStore, path: Path) -> None:
    """The rows that were written, with their numbers in the column ``sim``; whole or not at all."""
    import pyarrow
    import pyarrow.parquet

    arrays = store.layout.arrays()
    fields = [pyarrow.field("sim", pyarrow.int64()), *(pyarrow.field(n, _type(a)) for n, a in arrays.items())]
    schema = pyarrow.schema(fields, metadata={FACTS: Facts.of(store).to_json().encode()})
    with atomic_path(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
        for batch in batches(store):
            columns = [pyarrow.array(batch["sim"]), *(_to_arrow(batch[name], each) for name, each in arrays.items())]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))


def read_parquet(path: Path, target: Path) -> SimulationStore:
    """A store of such a file. Raises ExchangeError where it is none, or was cut short."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            if FACTS not in metadata:
                raise no_store(path)
            facts = Facts.from_json(metadata[FACTS].decode(), path)
            return make_store(target, facts, path, _batches(file, facts))
    except (pyarrow.ArrowException, KeyError) as error:
        raise ExchangeError(f"{path} cannot be read as Parquet ({error}); copy it again") from error


def _batches(file: Any, facts: Facts) -> Iterator[Batch]:
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        arrays = {name: _to_numpy(table[name], each) for name, each in facts.layout.arrays().items()}
        arrays["image"] = unpack_images(arrays["image"], facts.layout.image_px)
        yield {"sim": table["sim"].to_numpy(), **arrays}


def _type(array: ArrayLayout) -> pyarrow.DataType:
    import pyarrow

    if array.dtype == "string":
        return pyarrow.string()
    if array.name == "image":
        return pyarrow.binary(array.row_shape[0])
    plain = pyarrow.from_numpy_dtype(np.dtype(array.dtype))
    return pyarrow.list_(plain, int(np.prod(array.row_shape))) if array.row_shape else plain


def _to_arrow(values: np.ndarray, array: ArrayLayout) -> pyarrow.Array:
    import pyarrow

    if array.dtype == "string":
        return pyarrow.array(values.astype(object), pyarrow.string())
    if array.name == "image":
        packed = pyarrow.py_buffer(pack_images(values).tobytes())
        return pyarrow.Array.from_buffers(_type(array), len(values), [None, packed])
    if array.row_shape:
        flat = pyarrow.array(values.reshape(-1))
        return pyarrow.FixedSizeListArray.from_arrays(flat, int(np.prod(array.row_shape)))
    return pyarrow.array(values)


def _to_numpy(column: Any, array: ArrayLayout) -> np.ndarray:
    whole = column.combine_chunks()
    if array.dtype == "string":
        return np.array(whole.to_pylist(), object)
    if array.name == "image":
        packed = np.frombuffer(b"".join(whole.to_pylist()), np.uint8)
        return packed.reshape(-1, *array.row_shape)
    if array.row_shape:
        return whole.flatten().to_numpy(zero_copy_only=False).reshape(-1, *array.row_shape)
    return whole.to_numpy(zero_copy_only=False)
