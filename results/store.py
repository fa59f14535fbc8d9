"""Simulation stores: one Zarr v3 group, leading dimension ``sim``, one shard = one work unit = one writer.

Two writers in one shard lose data without an error (zarr-python #3682), so a unit is written by whoever computed
it and by nobody else. ``status`` is written last: its shard file is the mark that the unit is done.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import zarr

from results.designs.packed_images import unpack_images
from results.files import atomic_folder, sync_file
from results.layout import StoreError, StoreLayout, check_rows, input_types
from results.zarr_groups import RESERVED_ATTRIBUTES, array_of, create_group, open_group

if TYPE_CHECKING:
    import xarray

Rows = slice | Sequence[int] | np.ndarray | None


class SimulationStore:
    """Rows of simulations on local disk; make one with :meth:`create` or :meth:`open`.

    Arrays: z float32 (sim, h, w), image (sim, px, px) 0/1, y, absorption, reflection, transmission float64 (sim,)
    and layer_absorption float64 (sim, layer), all of them means over the wavelengths, spectrum float64
    (sim, wavelength_nm), the fraction whose mean is y, error_estimate float64 (sim,), of the absorption by the solver,
    status uint8, seconds float32, seed uint64, error_class and error_message strings, and the caller's inputs. What is
    not given is NaN, 0 or "".
    """

    def __init__(self, path: Path, group: zarr.Group, layout: StoreLayout) -> None:
        self.path = path
        self.layout = layout
        self._group = group
        self._layouts = layout.arrays()
        self._arrays = {name: array_of(group, name) for name in self._layouts}

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
        inputs: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> SimulationStore:
        """New empty store of ``capacity`` rows, open for writing; it appears at ``path`` whole or not at all.

        ``inputs`` are extra columns, name to dtype; ``attributes`` any JSON-able facts (spec key, provenance).
        Raises FileExistsError if ``path`` exists, StoreError for sizes or names that cannot be.
        """
        path = Path(path)
        if path.exists():
            raise FileExistsError(f"{path} exists already; open it, or remove it first")
        latent = None if latent_shape is None else tuple(latent_shape)
        layout = StoreLayout(
            image_px, latent, rows_per_unit, tuple(layers), tuple(map(float, wavelengths_nm)), input_types(inputs or {})
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
        return int(self._arrays["status"].shape[0])

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
        shards = self.path / "status" / "c"
        # A writer that was killed may leave a partial file beside the shards; its name is no number.
        names = os.listdir(shards) if shards.is_dir() else []
        return sorted(int(name) for name in names if name.isdigit())

    def is_done(self, unit: int) -> bool:
        """Whether one unit is written whole."""
        self.unit_rows(unit)
        return self._shard_file("status", unit).exists()

    def missing_units(self) -> list[int]:
        """Units still to be computed, in order."""
        done = set(self.done_units())
        return [unit for unit in range(self.unit_count) if unit not in done]

    @property
    def is_complete(self) -> bool:
        """True when no unit is missing."""
        return not self.missing_units()

    # --- writing -------------------------------------------------------------------------------------------------

    def write_unit(self, unit: int, rows: Mapping[str, Any]) -> None:
        """Write all rows of one unit; ``rows`` maps array names to values, ``status`` is required.

        Images are given unpacked, (n, px, px) of 0/1. A unit that was done loses its mark first, so a kill at any
        moment leaves it missing. Raises StoreError, with nothing written, for a unit out of range, unknown names,
        wrong shapes or types.
        """
        selection = self.unit_rows(unit)
        checked = check_rows(self._layouts, rows, selection.stop - selection.start)
        self.discard_unit(unit)
        for name, values in checked.items():
            # Zarr merges into a shard that exists, and fails on a damaged one: start from none.
            self._shard_file(name, unit).unlink(missing_ok=True)
            self._arrays[name][selection] = values
            self._sync_shard(name, unit)

    def discard_unit(self, unit: int) -> None:
        """Take the done mark from a unit, so that it counts as missing and is computed again."""
        self.unit_rows(unit)
        if self._group.read_only:
            raise StoreError(f"{self.path} was opened for reading; open it with mode='r+'")
        self._shard_file("status", unit).unlink(missing_ok=True)

    # --- reading -------------------------------------------------------------------------------------------------

    def read(self, *names: str, rows: Rows = None) -> dict[str, np.ndarray]:
        """Arrays by name (all of them if none is named), of a slice or a list of row numbers or of all rows.

        Images come unpacked, (n, px, px) uint8. Raises StoreError for unknown names and damaged shards.
        """
        unknown = [name for name in names if name not in self._arrays]
        if unknown:
            raise StoreError(f"no array named {', '.join(unknown)} in {self.path}; it has {', '.join(self.names)}")
        return {name: self._read(name, rows) for name in names or self.names}

    def images(self, rows: Rows = None) -> np.ndarray:
        """Images (n, px, px), uint8, white = 1."""
        return self._read("image", rows)

    def damaged_units(self, units: Sequence[int] | None = None) -> list[int]:
        """Those of the done units, or of ``units``, whose shards no longer match their checksums; reads them all."""
        return [unit for unit in (self.done_units() if units is None else units) if not self._is_readable(unit)]

    def dataset(self) -> xarray.Dataset:
        """All arrays as one lazy dataset: nothing is read before it is asked for (images as packed bits)."""
        import xarray  # seconds that workers, which open stores as well, need not spend

        return xarray.open_zarr(self.path, consolidated=False, chunks=None, zarr_format=3)

    def _read(self, name: str, rows: Rows) -> np.ndarray:
        array = self._arrays[name]
        try:
            if rows is None or isinstance(rows, slice):
                values = np.asarray(array[rows if rows is not None else slice(None)])
            else:
                values = np.asarray(array.oindex[np.asarray(rows, dtype=np.int64)])
        except ValueError as error:
            raise StoreError(
                f"{self.path}: array {name} cannot be read, its file is damaged ({error}); "
                "find the units with damaged_units() and discard_unit() them"
            ) from error
        return unpack_images(values, self.layout.image_px) if name == "image" else values

    def _is_readable(self, unit: int) -> bool:
        shards = [shard for name in self.names if (shard := self._shard_file(name, unit)).exists()]
        if any(shard.stat().st_size == 0 for shard in shards):  # Zarr takes an empty file for fill values
            return False
        try:
            self.read(rows=self.unit_rows(unit))
        except StoreError:
            return False
        return True

    def _shard_file(self, name: str, unit: int) -> Path:
        # Default chunk key of Zarr v3: c/<index of each dimension>; rows are never split over shards.
        trailing = ["0"] * len(self._layouts[name].row_shape)
        return self.path.joinpath(name, "c", str(unit), *trailing)

    def _sync_shard(self, name: str, unit: int) -> None:
        shard = self._shard_file(name, unit)
        if shard.exists():  # a shard of nothing but fill values has no file
            sync_file(shard)
