"""Whether a store holds what was written into it: every file against its checksums, holes, files of nobody, repeats."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from results.designs.packed_images import pack_images
from results.stores.columns import ColumnsError, LaidColumns
from results.stores.layout import Status
from results.stores.shards import MARK
from results.stores.store import SimulationStore

AGAIN = "remove the run's report.html and `campaign submit` its spec, which computes what is lost"


@dataclass
class StoreCheck:
    """What was found in a store, and what was done about it.

    Attributes
    ----------
    units
        How many the store has.
    missing
        Units that are not written; damage only where the store was finished.
    damaged
        Arrays whose files are lost or miss their checksums, for each unit.
    strays
        Files below the arrays that belong to no unit, such as those of a writer that was killed.
    columns
        ``current``, ``absent`` or ``stale``: the columns laid together for queries.
    repeated
        Rows that are done and whose image and inputs an earlier row has already.
    repaired
        What was mended, a line each.
    """

    units: int
    finished: bool
    missing: list[int] = field(default_factory=list)
    damaged: dict[int, list[str]] = field(default_factory=dict)
    strays: list[Path] = field(default_factory=list)
    columns: str = "absent"
    repeated: list[int] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing that was written is lost."""
        return not self.damaged and not (self.finished and self.missing)


def verify_store(store: SimulationStore) -> StoreCheck:
    """Read everything that was written, and compare it with its checksums. Changes nothing."""
    check = StoreCheck(store.unit_count, store.is_finished, store.missing_units())
    for unit in store.done_units():
        if unit < store.unit_count and (arrays := store.damaged_arrays(unit)):
            check.damaged[unit] = arrays
    check.strays = list(_strays(store))
    check.columns = _columns(store)
    check.repeated = _repeated(store, check)
    return check


def repair_store(store: SimulationStore, check: StoreCheck) -> StoreCheck:
    """Mend what can be mended, and look again.

    Columns of numbers and texts are taken from those laid together; a unit that lost more loses its mark, so that it
    counts as missing and is computed again. Files of nobody go. Raises OSError where the store cannot be written.
    """
    done = []
    laid = store.laid_columns()
    for unit, arrays in check.damaged.items():
        if laid is not None and all(_restore(store, laid, unit, name) for name in arrays):
            done.append(f"unit {unit}: {', '.join(arrays)} restored from the columns laid together")
        else:
            store.unmark_unit(unit)
            done.append(f"unit {unit}: {', '.join(arrays)} cannot be restored; it counts as missing now; {AGAIN}")
    whole = [unit for unit in check.missing if laid is not None and not store.lacking_arrays(unit)]
    done += [f"unit {u}: its mark restored from the columns" for u in whole if laid and _restore(store, laid, u, MARK)]
    for path in check.strays:
        path.unlink(missing_ok=True)
        done.append(f"removed {path.relative_to(store.path)}, which belongs to no unit")
    if store.is_finished and store.is_complete and (done or check.columns != "current"):
        store.finish()
        done.append("columns laid together anew")
    again = verify_store(SimulationStore.open(store.path))
    again.repaired = done
    return again


def _restore(store: SimulationStore, laid: LaidColumns, unit: int, name: str) -> bool:
    """Write one column of a unit again; False where it is none, or its copy is damaged as well."""
    if name not in store.columns:
        return False
    rows = store.unit_rows(unit)
    try:
        blocks = [block for block in laid.blocks() if block.start < rows.stop and rows.start < block.stop]
        parts = [laid.read(name, b)[max(rows.start - b.start, 0) : rows.stop - b.start] for b in blocks]
    except ColumnsError:
        return False
    store.restore(unit, name, np.concatenate(parts))
    return True


def _strays(store: SimulationStore) -> Iterator[Path]:
    expected = set(range(store.unit_count))
    for name in store.names:
        folder = store.path / name / "c"
        for entry in os.scandir(folder) if folder.is_dir() else ():
            if entry.is_dir():
                inside = [path for path in Path(entry.path).rglob("*") if path.is_file()]
                known = {store.shard(name, int(entry.name))} if entry.name.isdigit() else set()
                yield from (path for path in inside if path not in known or int(entry.name) not in expected)
            elif not entry.name.isdigit() or int(entry.name) not in expected:
                yield Path(entry.path)


def _columns(store: SimulationStore) -> str:
    laid = store.laid_columns()
    if laid is None:
        return "absent"
    units = range(store.unit_count)
    try:
        for name in store.columns:
            if not laid.is_copy(name, units):
                return "stale"
            for block in laid.blocks():
                laid.read(name, block)
    except (ColumnsError, OSError):
        return "stale"
    return "current"


def _repeated(store: SimulationStore, check: StoreCheck) -> list[int]:
    """Rows whose image and inputs an earlier one has, of units that can be read."""
    seen: set[bytes] = set()
    repeated = []
    names = ["image", "status", *store.layout.inputs]
    for unit in store.done_units():
        if unit in check.damaged or unit >= store.unit_count:
            continue
        rows = store.unit_rows(unit)
        arrays = store.read(*names, rows=rows)
        packed = pack_images(arrays["image"])
        inputs = list(zip(*(arrays[name].tolist() for name in store.layout.inputs), strict=True))
        for place in np.flatnonzero(arrays["status"] == Status.DONE).tolist():
            facts = repr(inputs[place]).encode() if inputs else b""
            key = hashlib.blake2b(packed[place].tobytes() + facts, digest_size=16).digest()
            if key in seen:
                repeated.append(rows.start + place)
            seen.add(key)
    return repeated
