"""Questions to simulation stores: which rows fulfil a condition, found block by block."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from results.queries.expression import Condition, Kind, QueryError, parse
from results.queries.nearest import Nearest, split_nearest
from results.stores.columns import ColumnsError, LaidColumns
from results.stores.layout import Status
from results.stores.store import SimulationStore

BLOCK_ROWS = 65_536  # rows evaluated at a time where shards are read: bounds the memory, whatever the size of the store
ALL = "1 == 1"  # the condition of a question that has none: every row that is done


@dataclass(frozen=True)
class Question:
    """What is asked of one store or several.

    Attributes
    ----------
    expression
        Condition on the rows (``results.queries.expression``), ``nearest(column, value, count)``, or both by ``and``.
        Unless it mentions ``status``, only rows that are done count.
    columns
        What to read of the rows found; None for every column.
    sort
        Column by which to order them, with ``-`` before it from the largest down; "" for the order of the stores.
        Rows without a number in it come last.
    limit
        At most so many rows; None for all.
    """

    expression: str = ALL
    columns: Sequence[str] | None = None
    sort: str = ""
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise QueryError(f"limit must be at least 1, got {self.limit}")


@dataclass(frozen=True)
class Answer:
    """Rows that were found.

    Attributes
    ----------
    stores
        Names of the stores that were asked.
    store, sim
        For every row found, the place of its store in ``stores``, and its number there; int64 (n,).
    columns
        Values by name, (n,) each; ``sim`` first, ``store`` before it where several were asked.
    """

    stores: tuple[str, ...]
    store: np.ndarray
    sim: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.sim)

    def head(self, most: int) -> Answer:
        """The first rows."""
        columns = {name: column[:most] for name, column in self.columns.items()}
        return Answer(self.stores, self.store[:most], self.sim[:most], columns)

    def rows(self) -> list[dict[str, Any]]:
        """Each row as a dict of plain Python values."""
        values = {name: column.tolist() for name, column in self.columns.items()}
        return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def query(store: SimulationStore, expression: str, limit: int | None = None) -> list[dict[str, Any]]:
    """Rows of one store for which ``expression`` holds, in order, at most ``limit`` of them, as plain Python values.

    Reads, block by block, only the columns that the expression needs, then all columns of the rows found. Raises
    QueryError, and DamagedStoreError where what it needs was lost.
    """
    return ask({store.path.name: store}, Question(expression, limit=limit)).rows()


def ask(stores: Mapping[str, SimulationStore], question: Question) -> Answer:
    """Rows of all ``stores``, by name, that answer the question.

    A store without a column that the expression needs has no such rows; one that lacks a column which is only shown
    has not-a-number there, or no text. Raises QueryError, and DamagedStoreError where what is needed was lost.
    """
    tables = [_Table(store) for store in stores.values()]
    kinds: dict[str, Kind] = {}
    for table in tables:
        kinds = {**table.kinds, **kinds}
    rest, nearest = split_nearest(question.expression, kinds)
    condition = parse(rest or ALL, kinds)
    order = nearest.column if nearest else question.sort.removeprefix("-")
    shown = list(question.columns) if question.columns is not None else [name for name in kinds if name != "sim"]
    for name in [*shown, *([order] if order else [])]:
        if name not in {*kinds, "store"}:
            raise QueryError(_no_column(name, kinds))
    at_once = question.limit if not order else None
    store, sim = _found(tables, {*condition.columns, *([order] if order else [])}, condition, at_once)
    if order:
        keys = _gather(tables, store, sim, order, kinds[order]) if order != "store" else store
        chosen = _ordered(keys, nearest, question)
        store, sim = store[chosen], sim[chosen]
    names = np.array(list(stores), object)
    columns = {"store": names[store]} if len(tables) > 1 or "store" in shown else {}
    columns["sim"] = sim
    for name in shown:
        if name not in columns:
            columns[name] = _gather(tables, store, sim, name, kinds[name])
    return Answer(tuple(stores), store, sim, columns)


def column_kinds(store: SimulationStore) -> dict[str, Kind]:
    """Columns that an expression may name, and what they hold; ``sim`` is the row number."""
    kinds: dict[str, Kind] = {"sim": "number"}
    names: dict[str, Kind] = {"string": "text", "bool": "condition"}
    for name in store.columns:
        kinds[name] = names.get(store.layout.arrays()[name].dtype, "number")
    return kinds


class _Table:
    """One store as blocks of columns: those laid together where they are current, else the shards."""

    def __init__(self, store: SimulationStore) -> None:
        self.store = store
        self.kinds = column_kinds(store)

    @cached_property
    def laid(self) -> LaidColumns | None:
        return self.store.laid_columns()

    def matches(self, condition: Condition, limit: int | None) -> np.ndarray:
        """Numbers of rows for which the condition holds, the first ``limit`` or a few more, int64 (n,)."""
        names = {*condition.columns, "status"} - {"sim"}
        laid = self._laid(names, range(self.store.unit_count))
        if laid is None:
            self.store.refuse_damage(["status"])
        found, total = [], 0
        for block in laid.blocks() if laid else self._blocks("status" not in condition.columns):
            columns = {name: self._read(name, block, laid) for name in names}
            found.append(block.start + np.flatnonzero(_holds(condition, columns, block)))
            total += len(found[-1])
            if limit is not None and total >= limit:
                break
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def take(self, name: str, rows: np.ndarray) -> np.ndarray:
        """One column of some rows, in any order."""
        if not len(rows):
            return self.store.layout.arrays()[name].filled(0)
        units = np.unique(rows // self.store.rows_per_unit).tolist()
        laid = self._laid([name], units)
        if laid is None:
            numbers, places = np.unique(rows, return_inverse=True)
            return self._shards(name, numbers)[places]
        starts = np.array([block.start for block in laid.blocks()])
        home = np.searchsorted(starts, rows, side="right") - 1
        taken = self.store.layout.arrays()[name].filled(len(rows))
        for start in starts[np.unique(home)].tolist():
            block = laid.block_of(start)
            here = np.flatnonzero((rows >= block.start) & (rows < block.stop))
            taken[here] = self._read(name, block, laid, rows[here] - start)
        return taken

    def _laid(self, names: Iterator[str] | Sequence[str] | set[str], units: Sequence[int]) -> LaidColumns | None:
        laid = self.laid
        try:
            return laid if laid and all(laid.is_current(name, units) for name in names) else None
        except (ColumnsError, OSError):
            return None

    def _read(self, name: str, block: slice, laid: LaidColumns | None, offsets: np.ndarray | None = None) -> np.ndarray:
        if laid:
            try:
                return laid.read(name, block, offsets)
            except ColumnsError:  # the copy is damaged: the truth lies beside it
                pass
        return self._shards(name, block if offsets is None else block.start + offsets)

    def _shards(self, name: str, rows: slice | np.ndarray) -> np.ndarray:
        values = self.store.read(name, rows=rows)[name]
        return values.astype(object) if values.dtype.kind == "T" else values  # Zarr's own kind of texts

    def _blocks(self, only_done: bool) -> Iterator[slice]:
        store = self.store
        units_per_block = max(1, BLOCK_ROWS // store.rows_per_unit)
        done = np.zeros(store.unit_count, bool)
        done[store.done_units()] = True
        for first in range(0, store.unit_count, units_per_block):
            last = min(first + units_per_block, store.unit_count) - 1
            if done[first : last + 1].any() or not only_done:
                yield slice(store.unit_rows(first).start, store.unit_rows(last).stop)


def _holds(condition: Condition, columns: dict[str, np.ndarray], block: slice) -> np.ndarray:
    columns = {**columns, "sim": np.arange(block.start, block.stop)}
    with np.errstate(all="ignore"):  # a NaN or an infinity is an answer: the row does not match
        holds = condition.holds(columns)
    return holds if "status" in condition.columns else holds & (columns["status"] == Status.DONE)


def _found(
    tables: Sequence[_Table], needed: set[str], condition: Condition, limit: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Store and number of every row that fulfils the condition, of stores that have all the columns needed."""
    stores, rows = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    left = limit
    for place, table in enumerate(tables):
        if left == 0 or needed - {*table.kinds, "store"}:
            continue
        found = table.matches(condition, left)[:left]
        left = None if left is None else left - len(found)
        stores.append(np.full(len(found), place))
        rows.append(found)
    return np.concatenate(stores), np.concatenate(rows)


def _gather(tables: Sequence[_Table], store: np.ndarray, sim: np.ndarray, name: str, kind: Kind) -> np.ndarray:
    """One column of rows of several stores."""
    if name == "sim":
        return sim
    parts, places = [], []
    for place in np.unique(store):
        here = np.flatnonzero(store == place)
        table = tables[place]
        lacking = np.full(len(here), "" if kind == "text" else np.nan, object if kind == "text" else float)
        parts.append(table.take(name, sim[here]) if name in table.kinds else lacking)
        places.append(here)
    if not parts:
        return next(table.take(name, sim) for table in tables if name in table.kinds)
    return np.concatenate(parts)[np.argsort(np.concatenate(places), kind="stable")]


def _ordered(keys: np.ndarray, nearest: Nearest | None, question: Question) -> np.ndarray:
    """Places of the rows to be shown, in their order."""
    if nearest:
        with np.errstate(all="ignore"):
            distances = np.abs(keys.astype(float) - nearest.value)
        order = np.argsort(distances, kind="stable")
        return order[np.isfinite(distances[order])][: nearest.count][: question.limit]
    if keys.dtype.kind == "O":
        order = np.argsort(keys.astype(str), kind="stable")
        return (order[::-1] if question.sort.startswith("-") else order)[: question.limit]
    _, ranks = np.unique(keys, return_inverse=True)
    ranks = -ranks if question.sort.startswith("-") else ranks
    if keys.dtype.kind == "f":
        ranks = np.where(np.isnan(keys), len(keys), ranks)
    return np.argsort(ranks, kind="stable")[: question.limit]


def _no_column(name: str, kinds: Mapping[str, Kind]) -> str:
    close = difflib.get_close_matches(name, kinds, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"no column {name}{hint}; the columns are {', '.join(kinds)}"
