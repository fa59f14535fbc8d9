"""Stores as CSV: a first line with the facts, then names, then a line a row.

Numbers have all the digits that they need to be read back the same; latents stand in one field, with spaces; images as
hexadecimal packed bits. Other programs skip the first line, as ``pandas.read_csv(path, skiprows=1)`` does.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from results.designs.packed_images import pack_images, unpack_images
from results.exchange.contents import BATCH_ROWS, Batch, ExchangeError, Facts, batches, make_store, no_store
from results.files import atomic_path
from results.stores.layout import ArrayLayout, StoreLayout
from results.stores.store import SimulationStore

FACTS = "# store_facts "


def write_csv(store: SimulationStore, path: Path) -> None:
    """The rows that were written, with their numbers in the column ``sim``; whole or not at all."""
    arrays = store.layout.arrays()
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(FACTS + Facts.of(store).to_json() + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sim", *arrays])
        for batch in batches(store):
            fields = [batch["sim"].tolist(), *(_to_text(batch[name], each) for name, each in arrays.items())]
            writer.writerows(zip(*fields, strict=True))


def read_csv(path: Path, target: Path) -> SimulationStore:
    """A store of such a file. Raises ExchangeError where it is none, or was cut short."""
    csv.field_size_limit(sys.maxsize)  # images are longer than its usual 131,072 characters
    try:
        with path.open(encoding="utf-8", newline="") as file:
            first = file.readline()
            if not first.startswith(FACTS):
                raise no_store(path)
            facts = Facts.from_json(first.removeprefix(FACTS), path)
            return make_store(target, facts, path, _batches(csv.reader(file), facts.layout, path))
    except UnicodeDecodeError as error:
        raise no_store(path) from error


def _batches(lines: Iterator[list[str]], layout: StoreLayout, path: Path) -> Iterator[Batch]:
    arrays = layout.arrays()
    names = next(lines, [])
    if lacking := sorted({"sim", *arrays} - set(names)):
        raise ExchangeError(f"{path}: no column {', '.join(lacking)}; export it again")
    step = max(1, BATCH_ROWS // layout.rows_per_unit) * layout.rows_per_unit
    while rows := list(islice(lines, step)):
        if short := [row for row in rows if len(row) != len(names)]:
            raise ExchangeError(f"{path}: a line has {len(short[0])} fields, not {len(names)}; copy it again")
        fields = dict(zip(names, zip(*rows, strict=True), strict=True))
        try:
            batch = {name: _from_text(fields[name], array) for name, array in arrays.items()}
            batch["sim"] = np.array([int(text) for text in fields["sim"]])
        except ValueError as error:
            raise ExchangeError(f"{path} has a field that is not what was written ({error}); copy it again") from error
        batch["image"] = unpack_images(batch["image"], layout.image_px)
        yield batch


def _to_text(values: np.ndarray, array: ArrayLayout) -> list[object]:
    if array.name == "image":
        return [row.tobytes().hex() for row in pack_images(values)]
    if array.dtype == "bool":
        return values.astype(int).tolist()
    if array.row_shape:
        return [" ".join(map(repr, row)) for row in values.reshape(len(values), -1).tolist()]
    return values.tolist()


def _from_text(fields: tuple[str, ...], array: ArrayLayout) -> np.ndarray:
    if array.dtype == "string":
        return np.array(fields, object)
    if array.name == "image":
        packed = np.frombuffer(b"".join(map(bytes.fromhex, fields)), np.uint8)
        return packed.reshape(len(fields), *array.row_shape)
    read = float if np.dtype(array.dtype).kind == "f" else int
    values = [[read(text) for text in field.split()] for field in fields]
    return np.array(values, array.dtype).reshape(len(fields), *array.row_shape)
