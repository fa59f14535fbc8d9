"""Columns of a finished store laid together, so that a query reads one file and not one for each unit.

The Zarr arrays stay the truth. Their one-dimensional ones are copied into ``columns/values`` when the store is
finished, in blocks of rows with a CRC-32C each; ``columns/zarr.json`` (a group, so that Zarr readers pass over the
folder) says what lies where and holds, for every shard, the size and the checksum that it had. The store's own
attributes hold the SHA-256 of that file. A copy is used only where this chain holds: no kill, no half copied folder and
no shard written later can make it answer for rows that are others by now. Where it does not, the shards are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np

from results.files import sync_file, write_atomically
from results.stores.layout import ArrayLayout
from results.stores.shards import ShardFiles

FOLDER, VALUES, INDEX = "columns", "values", "zarr.json"
BLOCK_ROWS = 262_144
FEW_UNITS = 200  # so many shards of a column are looked at one by one, of more the folder's time
NO_TEXT = 8  # bytes of a block of texts that are all empty
ABSENT = -1  # size of a shard that was never written: texts of failures, of a unit without any
SHARD = np.dtype([("bytes", "<i8"), ("crc", "<u4")])
NOTE = "one-dimensional columns of the store laid together for queries; the arrays beside this folder are the truth"

Place = tuple[int, int, int]  # offset in the file, bytes, CRC-32C


class ColumnsError(Exception):
    """A block that is not what was written."""


def block_rows(capacity: int) -> Iterator[slice]:
    """Rows of every block."""
    for start in range(0, capacity, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, capacity))


def lay_columns(
    path: Path,
    layouts: Mapping[str, ArrayLayout],
    files: ShardFiles,
    unit_count: int,
    capacity: int,
    reads: Mapping[str, Callable[[slice], np.ndarray]],
) -> str:
    """Write the columns of the store at ``path`` into its folder ``columns``; SHA-256 of its index.

    ``reads`` yields rows of every column of the store. A kill leaves a folder that no attribute vouches for.
    """
    folder = path / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / INDEX).write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}}))
    columns, shards = {}, {}
    with (folder / VALUES).open("wb") as out:
        for name, read in reads.items():
            shards[name] = _append(out, _shards_of(files, name, unit_count).tobytes())
            columns[name] = _lay(out, layouts[name], map(read, block_rows(capacity)))
    sync_file(folder / VALUES)
    facts = {"note": NOTE, "rows": capacity, "block_rows": BLOCK_ROWS, "columns": columns, "shards": shards}
    index = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": facts})
    write_atomically(folder / INDEX, index)
    return hashlib.sha256(index.encode()).hexdigest()


def remove_columns(path: Path) -> None:
    """Take the columns from a store whose rows are about to change."""
    shutil.rmtree(path / FOLDER, ignore_errors=True)


class LaidColumns:
    """Columns of one store, as :func:`lay_columns` wrote them; open them with :meth:`of`."""

    def __init__(self, path: Path, layouts: Mapping[str, ArrayLayout], files: ShardFiles, facts: Any) -> None:
        self._layouts = layouts
        self._files = files
        self._facts = facts
        self._values = path / FOLDER / VALUES
        self._written_ns = os.stat(self._values).st_mtime_ns
        self._shards: dict[str, np.ndarray] = {}

    @classmethod
    def of(
        cls, path: Path, digest: str | None, layouts: Mapping[str, ArrayLayout], files: ShardFiles
    ) -> LaidColumns | None:
        """Columns for which the store's attributes vouch by ``digest``; None where there are none."""
        try:
            index = (path / FOLDER / INDEX).read_bytes()
            if digest is None or hashlib.sha256(index).hexdigest() != digest:
                return None
            return cls(path, layouts, files, json.loads(index)["attributes"])
        except OSError:
            return None

    def block_of(self, row: int) -> slice:
        """The block that holds a row."""
        start = row - row % self._facts["block_rows"]
        return slice(start, min(start + self._facts["block_rows"], self._facts["rows"]))

    def blocks(self) -> Iterator[slice]:
        """Rows of every block, in order."""
        for start in range(0, self._facts["rows"], self._facts["block_rows"]):
            yield self.block_of(start)

    def read(self, name: str, block: slice, offsets: np.ndarray | None = None) -> np.ndarray:
        """One column of a block, or of its rows at ``offsets``; ColumnsError where it is not what was written."""
        column, layout = self._facts["columns"][name], self._layouts[name]
        count = block.stop - block.start if offsets is None else len(offsets)
        if "constant" in column:
            return np.full(count, np.frombuffer(bytes.fromhex(column["constant"]), _stored(layout))[0])
        content = self._content(column["blocks"][block.start // self._facts["block_rows"]])
        if layout.dtype != "string":
            values = np.frombuffer(content, _stored(layout))
        elif len(content) == NO_TEXT:
            return np.full(count, "", object)
        else:
            values = _texts(content, block.stop - block.start)
        return values if offsets is None else values[offsets]

    def is_current(self, name: str, units: Sequence[int]) -> bool:
        """Whether the shards of these units are still those that the column was copied from.

        One that is not older than the copy is compared by its checksum. Of many shards, none of which was added or
        removed since, none is looked at: what became of them in their place, the checksums of the copy outlive.
        """
        known = self._known(name)
        try:
            folder = os.stat(self._files.folder(name))
        except FileNotFoundError:  # texts of failures, where nothing failed
            return bool((known["bytes"][units] == ABSENT).all())
        if len(units) > FEW_UNITS and folder.st_mtime_ns < self._written_ns:
            return True
        return all(self._is_same(self._files.path_text(name, unit), *known[unit].item()) for unit in units)

    def is_copy(self, name: str, units: Sequence[int]) -> bool:
        """As :meth:`is_current`, by the checksum of every shard."""
        known = self._known(name)
        return all(_shard(self._files, name, unit) == known[unit].item() for unit in units)

    def _is_same(self, file: str, size: int, crc: int) -> bool:
        try:
            now = os.stat(file)
        except FileNotFoundError:
            return size == ABSENT
        if now.st_size != size:
            return False
        return now.st_mtime_ns < self._written_ns or google_crc32c.value(Path(file).read_bytes()) == crc

    def _known(self, name: str) -> np.ndarray:
        if name not in self._shards:
            self._shards[name] = np.frombuffer(self._content(self._facts["shards"][name]), SHARD)
        return self._shards[name]

    def _content(self, place: Place) -> bytes:
        offset, size, crc = place
        try:
            with self._values.open("rb", buffering=0) as file:
                content = os.pread(file.fileno(), size, offset)
        except OSError as error:
            raise ColumnsError(str(error)) from error
        if len(content) != size or google_crc32c.value(content) != crc:
            raise ColumnsError(f"{self._values} is not what was written")
        return content


def _shards_of(files: ShardFiles, name: str, unit_count: int) -> np.ndarray:
    """Size and checksum of every shard of an array."""
    return np.array([_shard(files, name, unit) for unit in range(unit_count)], SHARD)


def _shard(files: ShardFiles, name: str, unit: int) -> tuple[int, int]:
    try:
        content = files.path(name, unit).read_bytes()
    except FileNotFoundError:
        return ABSENT, 0
    return len(content), google_crc32c.value(content)


def _lay(out: BinaryIO, layout: ArrayLayout, blocks: Iterator[np.ndarray]) -> dict[str, Any]:
    """Write one column; where it is the same value throughout, that value and nothing else."""
    if layout.dtype == "string":
        return {"blocks": [_append(out, _text_bytes(block)) for block in blocks]}
    start, places = out.tell(), []
    values: set[bytes] = set()
    for block in blocks:
        stored = np.ascontiguousarray(block, _stored(layout))
        places.append(_append(out, stored.tobytes()))
        if len(values) < 2:
            bits = stored.view(f"V{stored.itemsize}")
            values.add(bits[0].tobytes() if (bits == bits[0]).all() else b"")
    if len(values) == 1 and b"" not in values:
        out.seek(start)
        out.truncate()
        return {"constant": values.pop().hex()}
    return {"blocks": places}


def _append(out: BinaryIO, content: bytes) -> Place:
    place = out.tell(), len(content), google_crc32c.value(content)
    out.write(content)
    return place


def _stored(layout: ArrayLayout) -> np.dtype:
    return np.dtype(layout.dtype).newbyteorder("<")


def _text_bytes(texts: np.ndarray) -> bytes:
    """Texts that are not empty: how many, their rows, the ends of their UTF-8, and that."""
    rows = np.flatnonzero(texts != "")
    encoded = [texts[row].encode() for row in rows]
    ends = np.cumsum([len(text) for text in encoded], dtype="<i8")
    return b"".join([np.array([len(rows)], "<i8").tobytes(), rows.astype("<i8").tobytes(), ends.tobytes(), *encoded])


def _texts(content: bytes, count: int) -> np.ndarray:
    """Inverse of :func:`_text_bytes`, object (count,)."""
    texts = np.full(count, "", object)
    filled = int(np.frombuffer(content, "<i8", 1)[0])
    rows, ends = np.frombuffer(content, "<i8", 2 * filled, 8).reshape(2, filled)
    first = start = 8 + 16 * filled
    for row, end in zip(rows, ends + start, strict=True):
        texts[row], first = content[first:end].decode(), end
    return texts
