"""What a store holds apart from its format: facts about it, and rows a batch of whole units at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from results.files import atomic_folder
from results.stores.layout import StoreError, StoreLayout
from results.stores.store import SimulationStore
from results.stores.zarr_groups import SCHEMA, SCHEMA_VERSION

BATCH_ROWS = 16_384  # or one unit, where that is more
Batch = dict[str, np.ndarray]  # ``sim`` int64 (n,), and every array of the store (n, ...), images as 0/1 (n, px, px)


class ExchangeError(ValueError):
    """A file that cannot become a store, or a store that cannot become such a file."""


@dataclass(frozen=True)
class Facts:
    """What a store is made of, beside its rows."""

    capacity: int
    layout: StoreLayout
    attributes: Mapping[str, Any]
    finished: bool

    @classmethod
    def of(cls, store: SimulationStore) -> Facts:
        """Those of a store."""
        return cls(store.capacity, store.layout, store.attributes, store.is_finished)

    def to_json(self) -> str:
        """One line that a file of any format can hold."""
        own = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "capacity": self.capacity, "finished": self.finished}
        return json.dumps({**own, "layout": self.layout.to_attributes(), "attributes": dict(self.attributes)})

    @classmethod
    def from_json(cls, text: str, source: Path) -> Facts:
        """Inverse of :meth:`to_json`; ExchangeError for anything else, or of another version."""
        try:
            facts = json.loads(text)
            if facts["schema"] != SCHEMA:
                raise KeyError("schema")
            version = facts["schema_version"]
            if version != SCHEMA_VERSION:
                raise ExchangeError(
                    f"{source} was exported from schema version {version}, this program reads {SCHEMA_VERSION}; "
                    "export it again with this one"
                )
            layout = StoreLayout.from_attributes(facts["layout"])
            return cls(facts["capacity"], layout, facts["attributes"], facts["finished"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise no_store(source) from error


def no_store(source: Path) -> ExchangeError:
    """What to say of a file that holds no store."""
    return ExchangeError(f"{source} holds no simulation store; expected a file that `campaign export` wrote")


def batches(store: SimulationStore) -> Iterator[Batch]:
    """All rows that were written, some whole units at a time, in order."""
    units: list[int] = []
    done = store.done_units()
    for place, unit in enumerate(done):
        units.append(unit)
        is_last = place + 1 == len(done)
        if is_last or len(units) * store.rows_per_unit >= BATCH_ROWS or done[place + 1] != unit + 1:
            rows = slice(store.unit_rows(units[0]).start, store.unit_rows(units[-1]).stop)
            yield {"sim": np.arange(rows.start, rows.stop), **store.read(rows=rows)}
            units = []


def make_store(path: Path, facts: Facts, source: Path, rows: Iterator[Batch]) -> SimulationStore:
    """A store of those rows, at ``path`` whole or not at all. Raises ExchangeError, StoreError, FileExistsError."""
    if path.exists():
        raise FileExistsError(f"{path} exists already; name another store, or remove it first")
    layout = facts.layout
    with atomic_folder(path) as staging:
        store = SimulationStore.create(
            staging,
            capacity=facts.capacity,
            latent_shape=layout.latent_shape,
            image_px=layout.image_px,
            rows_per_unit=layout.rows_per_unit,
            layers=layout.layers,
            wavelengths_nm=layout.wavelengths_nm,
            inputs={name: "U" if dtype == "string" else dtype for name, dtype in layout.inputs.items()},
            properties=layout.properties,
            attributes=facts.attributes,
        )
        for batch in rows:
            _write(store, batch, source)
        if facts.finished:
            try:
                store.finish()
            except StoreError as error:
                missing = len(store.missing_units())
                raise ExchangeError(
                    f"{source} lacks {missing} of {store.unit_count} units of a finished store; export it again"
                ) from error
    return SimulationStore.open(path)


def _write(store: SimulationStore, batch: Batch, source: Path) -> None:
    sim = batch["sim"]
    for unit in np.unique(sim // store.rows_per_unit).tolist():
        if not 0 <= unit < store.unit_count:
            raise ExchangeError(f"{source}: sim must be from 0 to {store.capacity - 1}, got {sim.min()} to {sim.max()}")
        rows = store.unit_rows(unit)
        places = np.flatnonzero((sim >= rows.start) & (sim < rows.stop))
        places = places[np.argsort(sim[places], kind="stable")]
        if not np.array_equal(sim[places], np.arange(rows.start, rows.stop)) or store.is_done(unit):
            raise ExchangeError(
                f"{source}: rows {rows.start} to {rows.stop - 1} must stand together, each once; export it again"
            )
        store.write_unit(unit, {name: batch[name][places] for name in store.names})
