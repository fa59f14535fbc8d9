"""Simulation stores: one Zarr v3 group, leading dimension ``sim``, one shard = one work unit = one writer.

Two writers in one shard lose data without an error (zarr-python #3682), so a unit is written by whoever computed
it and by nobody else. ``status`` is written last: its shard file is the mark that the unit is done. A done unit has a
file of every array, so that one which a copy left out is found, and never read as the fill values that Zarr puts there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import zarr

from results.designs.packed_images import unpack_images
from results.files import atomic_folder, sync_file
from results.stores.columns import LaidColumns, lay_columns, remove_columns
from results.stores.descriptions import description
from results.stores.layout import (
    DamagedStoreError,
    Status,
    StoreError,
    StoreLayout,
    check_rows,
    input_types,
    numbered,
    split_columns,
)
from results.stores.shards import MARK, OF_FAILURES, ShardFiles
from results.stores.zarr_groups import (
    MEND,
    RESERVED_ATTRIBUTES,
    array_of,
    create_group,
    open_group,
    refuse_broken_arrays,
)

if TYPE_CHECKING:
    import xarray

Rows = slice | Sequence[int] | np.ndarray | None


class SimulationStore:
    """Rows of simulations on local disk; make one with :meth:`create` or :meth:`open`.

    Arrays: z float32 (sim, h, w), image (sim, px, px) 0/1, y, absorption, reflection, transmission float64 (sim,)
    and layer_absorption float64 (sim, layer), all of them means over the wavelengths, spectrum float64
    (sim, wavelength_nm), the fraction whose mean is y, error_estimate float64 (sim,), of the absorption by the solver,
    status uint8, seconds float32, seed uint64, error_class and error_message strings, and the caller's inputs. Of
    several properties y and spectrum are y_1, spectrum_1, y_2, ... What is not given is NaN, 0 or "".
    """

    def __init__(self, path: Path, group: zarr.Group, layout: StoreLayout) -> None:
        self.path = path
        self.layout = layout
        self._group = group
        self._layouts = layout.arrays()
        self._opened: dict[str, zarr.Array] = {}
        refuse_broken_arrays(group, path, self._layouts)
        self._files = ShardFiles(path, self._layouts)

    @classmethod
    def create(
        cls,
        path: Path | str,
        *,
        capacity: int,
        latent_shape: Sequence[int] | None,
        image_px: int,
        rows_per_unit: int,
        layers: Sequence[str] = (),
        wavelengths_nm: Sequence[float] = (),
        properties: Sequence[str] = (),
        inputs: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> SimulationStore:
        """New empty store of ``capacity`` rows, open for writing; it appears at ``path`` whole or not at all.

        ``properties`` names what y is; ``inputs`` are extra columns, name to dtype; ``attributes`` any JSON-able facts
        (spec key, provenance).
        Raises FileExistsError if ``path`` exists, StoreError for sizes or names that cannot be.
        """
        path = Path(path)
        if path.exists():
            raise FileExistsError(f"{path} exists already; open it, or remove it first")
        latent = None if latent_shape is None else tuple(latent_shape)
        layout = StoreLayout(
            image_px,
            latent,
            rows_per_unit,
            tuple(layers),
            tuple(map(float, wavelengths_nm)),
            input_types(inputs or {}),
            tuple(properties),
        )
        with atomic_folder(path) as staging:
            create_group(staging, capacity, layout, attributes or {})
        return cls.open(path, mode="r+")

    @classmethod
    def open(cls, path: Path | str, mode: Literal["r", "r+"] = "r") -> SimulationStore:
        """Open an existing store, in time independent of its size.

        Raises FileNotFoundError if nothing is there, StoreError if it is no store or one of another schema version.
        """
        path = Path(path)
        return cls(path, *open_group(path, mode))

    # --- shape ---------------------------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """Number of rows, written or not."""
        return int(self._array("status").shape[0])

    @property
    def rows_per_unit(self) -> int:
        """Rows of one work unit, that is of one shard."""
        return self.layout.rows_per_unit

    @property
    def unit_count(self) -> int:
        """Number of work units; the last one may be shorter than the others."""
        return -(-self.capacity // self.rows_per_unit)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all arrays."""
        return tuple(self._layouts)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the arrays that hold one number or string per row."""
        return tuple(name for name, array in self._layouts.items() if not array.row_shape)

    @property
    def attributes(self) -> dict[str, Any]:
        """The caller's attributes."""
        return {key: value for key, value in self._group.attrs.asdict().items() if key not in RESERVED_ATTRIBUTES}

    def unit_rows(self, unit: int) -> slice:
        """Rows of one unit."""
        if not 0 <= unit < self.unit_count:
            raise StoreError(f"unit must be from 0 to {self.unit_count - 1}, got {unit}")
        start = unit * self.rows_per_unit
        return slice(start, min(start + self.rows_per_unit, self.capacity))

    # --- progress ------------------------------------------------------------------------------------------------

    def done_units(self) -> list[int]:
        """Units that are written whole, in order: one listing of a folder, no array is read."""
        return self._files.done_units()

    def is_done(self, unit: int) -> bool:
        """Whether one unit is written whole."""
        self.unit_rows(unit)
        return self._files.is_done(unit)

    def missing_units(self) -> list[int]:
        """Units still to be computed, in order."""
        done = set(self.done_units())
        return [unit for unit in range(self.unit_count) if unit not in done]

    @property
    def is_complete(self) -> bool:
        """True when no unit is missing."""
        return not self.missing_units()

    @property
    def is_finished(self) -> bool:
        """Whether its writers are done, so that a unit which is missing was lost."""
        return bool(self._group.attrs.get("finished", False))

    # --- writing -------------------------------------------------------------------------------------------------

    def write_unit(self, unit: int, rows: Mapping[str, Any]) -> None:
        """Write all rows of one unit; ``rows`` maps array names to values, ``status`` is required.

        Images are given unpacked, (n, px, px) of 0/1. Texts of errors are kept for units with failures alone. A unit
        that was done loses its mark first, so a kill at any moment leaves it missing. Raises StoreError, with nothing
        written, for a unit out of range, unknown names, wrong shapes or types.
        """
        selection = self.unit_rows(unit)
        checked = check_rows(self._layouts, split_columns(rows, self._layouts), selection.stop - selection.start)
        self.discard_unit(unit)
        has_failures = (checked[MARK] == Status.FAILED).any()
        for name, values in checked.items():
            # Zarr merges into a shard that exists, and fails on a damaged one: start from none.
            self._files.path(name, unit).unlink(missing_ok=True)
            if has_failures or name not in OF_FAILURES:
                self._array(name)[selection] = values
                self._sync_shard(name, unit)

    def discard_unit(self, unit: int) -> None:
        """Take the done mark from a unit, so that it counts as missing and is computed again."""
        self.unit_rows(unit)
        if self._group.read_only:
            raise StoreError(f"{self.path} was opened for reading; open it with mode='r+'")
        if self.is_finished:
            self._group.attrs["finished"] = False
        remove_columns(self.path)
        self._files.path(MARK, unit).unlink(missing_ok=True)

    def finish(self) -> None:
        """Note that every unit is written: from now on one that is missing is damage. Raises StoreError if one is.

        The columns are laid together for queries, unless one is damaged or the disk is full: what reads it tells that.
        """
        if missing := self.missing_units():
            raise StoreError(f"{self.path} cannot be finished, {len(missing)} of {self.unit_count} units are missing")
        digest = None
        with suppress(StoreError, OSError):
            reads = {name: partial(self._column, name) for name in self.columns}
            digest = lay_columns(self.path, self._layouts, self._files, self.unit_count, self.capacity, reads)
        self._group.attrs.update({"finished": True, "columns": digest})

    def _column(self, name: str, rows: slice) -> np.ndarray:
        return self.read(name, rows=rows)[name]

    def laid_columns(self) -> LaidColumns | None:
        """The columns laid together, of a finished store that has them."""
        digest = self._group.attrs.get("columns") if self.is_finished else None
        return LaidColumns.of(self.path, str(digest), self._layouts, self._files) if digest else None

    def unmark_unit(self, unit: int) -> None:
        """Take the mark from a damaged unit of a store that stays finished, so that its absence is known as damage."""
        self._files.path(MARK, unit).unlink(missing_ok=True)

    def restore(self, unit: int, name: str, values: np.ndarray) -> None:
        """Write one array of a unit that is done again, with the values that it had."""
        selection = self.unit_rows(unit)
        checked = self._layouts[name].check(values, selection.stop - selection.start)
        self._files.path(name, unit).unlink(missing_ok=True)
        self._array(name)[selection] = checked
        self._sync_shard(name, unit)

    # --- reading -------------------------------------------------------------------------------------------------

    def read(self, *names: str, rows: Rows = None) -> dict[str, np.ndarray]:
        """Arrays by name (all of them if none is named), of a slice or a list of row numbers or of all rows.

        Images come unpacked, (n, px, px) uint8; ``y_1`` and ``y_2`` can also be read together by the name ``y``,
        (n, 2). Rows that are not written yet hold fill values. Raises StoreError for unknown names, DamagedStoreError
        where a unit that was written has not all its values.
        """
        unknown = [name for name in names if not self.has(name)]
        if unknown:
            raise StoreError(f"no array named {', '.join(unknown)} in {self.path}; it has {', '.join(self.names)}")
        parts = {name: self._parts(name) for name in names or self.names}
        self.refuse_damage([part for each in parts.values() for part in each], rows)
        columns = {name: [self._read(part, rows) for part in each] for name, each in parts.items()}
        return {name: each[0] if parts[name] == [name] else np.stack(each, axis=1) for name, each in columns.items()}

    def has(self, name: str) -> bool:
        """Whether an array can be read by that name."""
        return bool(self._parts(name))

    def _parts(self, name: str) -> list[str]:
        """Arrays behind a name: itself, or the numbered ones."""
        if name in self._layouts:
            return [name]
        return [part for part in numbered(name, len(self._layouts)) if part in self._layouts]

    def images(self, rows: Rows = None) -> np.ndarray:
        """Images (n, px, px), uint8, white = 1."""
        return self.read("image", rows=rows)["image"]

    def damaged_units(self, units: Sequence[int] | None = None) -> list[int]:
        """Those of ``units``, or of all that were written, which lack values or miss their checksums; reads them."""
        if units is None:
            units = range(self.unit_count) if self.is_finished else self.done_units()
        return [unit for unit in units if not self._is_readable(unit)]

    def damaged_arrays(self, unit: int) -> list[str]:
        """Arrays of a done unit whose files are lost or miss their checksums; reads them."""
        return [*self.lacking_arrays(unit), *(name for name in self.names if not self._has_sound(name, unit))]

    def lacking_arrays(self, unit: int) -> list[str]:
        """Arrays of a unit, apart from its mark, without a file; texts of failures only where it has some."""
        lost = [name for _, name, _ in self._files.lacking([n for n in self.names if n != MARK], [unit])]
        if self._files.is_done(unit) and self._has_sound(MARK, unit):
            lost += [name for _, name, _ in self._lacking_errors(OF_FAILURES, [unit])]
        return lost

    def shard(self, name: str, unit: int) -> Path:
        """File of one array's unit."""
        return self._files.path(name, unit)

    def dataset(self) -> xarray.Dataset:
        """All arrays as one lazy dataset, with descriptions and units: nothing is read before it is asked for.

        Raises DamagedStoreError where files of a unit that was written are not there.
        """
        import xarray  # seconds that workers, which open stores as well, need not spend

        self.refuse_damage([name for name in self.names if name not in OF_FAILURES])
        dataset = xarray.open_zarr(self.path, consolidated=False, chunks=None, zarr_format=3)
        for name, array in dataset.variables.items():
            array.attrs.update(description(str(name), self.layout.properties))
        return dataset

    def refuse_damage(self, names: Sequence[str], rows: Rows = None) -> None:
        """Raise DamagedStoreError unless units that were written have files of all these arrays."""
        units = self._units_of(rows)
        done = self.done_units() if rows is None else [unit for unit in units if self._files.is_done(unit)]
        if self.is_finished and (lost := sorted(set(units).difference(done))):
            raise self._damaged(lost, f"its file of array {MARK} is missing")
        if found := [*self._files.lacking(names, done), *self._lacking_errors(names, done)]:
            unit, name, reason = found[0]
            raise self._damaged(sorted({unit for unit, *_ in found}), f"its file of array {name} is {reason}", unit)

    def _lacking_errors(self, names: Sequence[str], done: Sequence[int]) -> Iterator[tuple[int, str, str]]:
        """As ``ShardFiles.lacking``, for the texts about failures: only units that have some need them."""
        wanted = [name for name in OF_FAILURES if name in names]
        lacking = [(unit, name, reason) for name in wanted for unit in done if (reason := self._files.lack(name, unit))]
        if not lacking:
            return
        first, last = self.unit_rows(done[0]), self.unit_rows(done[-1])
        failed = first.start + np.flatnonzero(self._read(MARK, slice(first.start, last.stop)) == Status.FAILED)
        with_failures = set((failed // self.rows_per_unit).tolist())
        yield from (each for each in lacking if each[0] in with_failures)

    def _damaged(self, units: Sequence[int], reason: str, first: int | None = None) -> DamagedStoreError:
        first = units[0] if first is None else first
        rows = self.unit_rows(first)
        others = f", and {len(units) - 1} more" if len(units) > 1 else ""
        where = f"unit {first} (rows {rows.start} to {rows.stop - 1}){others}"
        return DamagedStoreError(f"{self.path} is damaged: {where}: {reason}; {MEND}", units)

    def _units_of(self, rows: Rows) -> Sequence[int]:
        """Units that hold any of the rows, in order."""
        if rows is None:
            return range(self.unit_count)
        if isinstance(rows, slice):
            start, stop, step = rows.indices(self.capacity)
            if step == 1:
                return range(start // self.rows_per_unit, -(-stop // self.rows_per_unit)) if stop > start else []
            rows = np.arange(start, stop, step)
        numbers = np.asarray(rows, dtype=np.int64)
        return np.unique((numbers % self.capacity if len(numbers) else numbers) // self.rows_per_unit).tolist()

    def _array(self, name: str) -> zarr.Array:
        """One array, opened when it is first asked for: a store has a dozen, and most readers want two."""
        if name not in self._opened:
            self._opened[name] = array_of(self._group, self.path, name)
        return self._opened[name]

    def _read(self, name: str, rows: Rows) -> np.ndarray:
        array = self._array(name)
        try:
            if rows is None or isinstance(rows, slice):
                values = np.asarray(array[rows if rows is not None else slice(None)])
            else:
                values = np.asarray(array.oindex[np.asarray(rows, dtype=np.int64)])
        except ValueError as error:
            broken = [unit for unit in self._units_of(rows) if not self._has_sound(name, unit)]
            raise self._damaged(broken, f"its file of array {name} is not what was written ({error})") from error
        return unpack_images(values, self.layout.image_px) if name == "image" else values

    def _is_readable(self, unit: int) -> bool:
        try:
            self.read(rows=self.unit_rows(unit))
        except StoreError:
            return False
        return True

    def _has_sound(self, name: str, unit: int) -> bool:
        """Whether a file matches its checksums."""
        try:
            self._array(name)[self.unit_rows(unit)]
        except ValueError:
            return False
        return True

    def _sync_shard(self, name: str, unit: int) -> None:
        sync_file(self._files.path(name, unit))
