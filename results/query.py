"""Questions to a simulation store: which rows fulfil a condition, found block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from results.expression import Condition, Kind, QueryError, parse
from results.layout import Status
from results.store import SimulationStore

BLOCK_ROWS = 65_536  # rows evaluated at a time: bounds the memory, whatever the size of the store


def query(store: SimulationStore, expression: str, limit: int | None = None) -> list[dict[str, Any]]:
    """Rows for which ``expression`` holds, in order, at most ``limit`` of them.

    Each row is a dict of plain Python values: ``sim`` (the row number, also usable in expressions) and every column.
    Unless the expression mentions ``status``, only rows that are done count. Reads, block by block, only the columns
    that the expression needs, then all columns of the rows found. Raises QueryError.
    """
    if limit is not None and limit < 1:
        raise QueryError(f"limit must be at least 1, got {limit}")
    condition = parse(expression, column_kinds(store))
    store.refuse_damage(["status"])
    found: list[int] = []
    for block in _blocks(store, only_done="status" not in condition.columns):
        found += _matches(store, condition, block)
        if limit is not None and len(found) >= limit:
            break
    return _rows(store, found[:limit])


def column_kinds(store: SimulationStore) -> dict[str, Kind]:
    """Columns that an expression may name, and what they hold; ``sim`` is the row number."""
    kinds: dict[str, Kind] = {"sim": "number"}
    names: dict[str, Kind] = {"string": "text", "bool": "condition"}
    for name in store.columns:
        kinds[name] = names.get(store.layout.arrays()[name].dtype, "number")
    return kinds


def _blocks(store: SimulationStore, only_done: bool) -> Iterator[slice]:
    units_per_block = max(1, BLOCK_ROWS // store.rows_per_unit)
    done = np.zeros(store.unit_count, bool)
    done[store.done_units()] = True
    for first in range(0, store.unit_count, units_per_block):
        last = min(first + units_per_block, store.unit_count) - 1
        if done[first : last + 1].any() or not only_done:
            yield slice(store.unit_rows(first).start, store.unit_rows(last).stop)


def _matches(store: SimulationStore, condition: Condition, block: slice) -> list[int]:
    names = {*condition.columns, "status"} - {"sim"}
    columns = store.read(*names, rows=block)
    columns["sim"] = np.arange(block.start, block.stop)
    with np.errstate(all="ignore"):  # a NaN or an infinity is an answer: the row does not match
        holds = condition.holds(columns)
    if "status" not in condition.columns:
        holds = holds & (columns["status"] == Status.DONE)
    return (block.start + np.flatnonzero(holds)).tolist()


def _rows(store: SimulationStore, found: Sequence[int]) -> list[dict[str, Any]]:
    if not found:
        return []
    columns = {"sim": np.asarray(found), **store.read(*store.columns, rows=found)}
    values = {name: column.tolist() for name, column in columns.items()}
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
