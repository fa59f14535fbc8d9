"""Arrays of a simulation store: names, types, shapes, and the check that every row written must pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from results.designs.packed_images import pack_images

FRACTIONS = ("absorption", "reflection", "transmission", "error_estimate")
INNER_CHUNK_BYTES = 256 * 1024  # a shard is read in pieces of at most this size, before compression


class StoreError(ValueError):
    """A simulation store that cannot be opened, written or read as asked."""


class DamagedStoreError(StoreError):
    """Units of a store lack values that they once had; ``units`` are their numbers."""

    def __init__(self, message: str, units: Sequence[int]) -> None:
        super().__init__(message)
        self.units = tuple(units)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.units)


class Status(IntEnum):
    """State of one row of a store."""

    MISSING = 0
    DONE = 1
    FAILED = 2


@dataclass(frozen=True)
class ArrayLayout:
    """One array with leading dimension ``sim``; ``dtype`` is a Zarr data type name such as float64 or string."""

    name: str
    dtype: str
    fill: Any
    row_shape: tuple[int, ...] = ()
    dimensions: tuple[str, ...] = ()

    @property
    def row_bytes(self) -> int:
        """Size of one row in bytes; a string counts as 64."""
        itemsize = 64 if self.dtype == "string" else np.dtype(self.dtype).itemsize
        return itemsize * math.prod(self.row_shape)

    def inner_rows(self, rows_per_unit: int) -> int:
        """Rows of one inner chunk: the largest divisor of ``rows_per_unit`` within INNER_CHUNK_BYTES."""
        most = max(1, INNER_CHUNK_BYTES // self.row_bytes)
        return next(rows for rows in range(min(most, rows_per_unit), 0, -1) if rows_per_unit % rows == 0)

    def filled(self, rows: int) -> np.ndarray:
        """``rows`` rows of the fill value: what a caller who does not give this array stores."""
        dtype = object if self.dtype == "string" else self.dtype
        return np.full((rows, *self.row_shape), self.fill, dtype=dtype)

    def check(self, values: Any, rows: int) -> np.ndarray:
        """``values`` as this array stores them; StoreError if their shape or type does not fit."""
        given = np.asarray(values)
        expected = (rows, *self.row_shape)
        if given.shape != expected:
            raise StoreError(f"{self.name}: expected shape {expected}, got {given.shape}")
        return self._strings(given) if self.dtype == "string" else self._numbers(given)

    def _strings(self, given: np.ndarray) -> np.ndarray:
        if given.dtype.kind not in "UTO" or not all(isinstance(text, str) for text in given):
            raise StoreError(f"{self.name}: expected strings, got {given.dtype}")
        return given.astype(object)

    def _numbers(self, given: np.ndarray) -> np.ndarray:
        wanted = np.dtype(self.dtype)
        allowed = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}[wanted.kind]
        if given.dtype.kind not in allowed:
            raise StoreError(f"{self.name}: expected {wanted}, got {given.dtype}")
        stored = given.astype(wanted)
        if wanted.kind in "iu" and not np.array_equal(stored, given):
            raise StoreError(f"{self.name}: expected {wanted}, got values from {given.min()} to {given.max()}")
        return stored


@dataclass(frozen=True)
class ImageLayout(ArrayLayout):
    """The images: given as (n, px, px) of 0/1, stored as packed bits."""

    image_px: int = field(default=0, kw_only=True)

    def check(self, values: Any, rows: int) -> np.ndarray:
        """Packed bits of uint8, bool or integer 0/1 images (rows, px, px)."""
        given = np.asarray(values)
        expected = (rows, self.image_px, self.image_px)
        if given.shape != expected:
            raise StoreError(f"{self.name}: expected 0/1 images of shape {expected}, got {given.shape}")
        if given.dtype.kind not in "biu" or (given.size and not 0 <= given.min() <= given.max() <= 1):
            raise StoreError(f"{self.name}: expected only the values 0 and 1, got {given.dtype} with others")
        return pack_images(given.astype(np.uint8))


@dataclass(frozen=True)
class StoreLayout:
    """What the arrays of a store depend on; kept in its attributes, so that opening reads no array.

    ``latent_shape`` is None for images that have no latent; ``layers`` and ``wavelengths_nm`` are empty where nothing
    is simulated; ``inputs`` are the caller's own one-dimensional columns, name to data type; ``properties`` names what
    y is, where it has a name.
    """

    image_px: int
    latent_shape: tuple[int, ...] | None
    rows_per_unit: int
    layers: tuple[str, ...] = ()
    wavelengths_nm: tuple[float, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    properties: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("image_px", "rows_per_unit"):
            if getattr(self, name) < 1:
                raise StoreError(f"{name} must be at least 1, got {getattr(self, name)}")
        taken = sorted(set(self.inputs) & {"sim", "store", "columns", "layer", "wavelength_nm", *self._own_arrays()})
        if taken:
            raise StoreError(f"inputs must not take the store's own names, got {', '.join(taken)}")

    def arrays(self) -> dict[str, ArrayLayout]:
        """Every array by name, ``status`` last: the order in which a unit is written."""
        arrays = self._own_arrays()
        status = arrays.pop("status")
        for name, dtype in self.inputs.items():
            arrays[name] = ArrayLayout(name, dtype, _fill_of(dtype))
        return {**arrays, "status": status}

    def _own_arrays(self) -> dict[str, ArrayLayout]:
        packed = (math.ceil(self.image_px**2 / 8),)
        arrays: list[ArrayLayout] = [
            ImageLayout("image", "uint8", 0, packed, ("packed_pixel",), image_px=self.image_px),
            *(ArrayLayout(name, "float64", np.nan) for name in self._numbered("y")),
            *(ArrayLayout(name, "float64", np.nan) for name in FRACTIONS),
            ArrayLayout("seconds", "float32", np.nan),
            ArrayLayout("seed", "uint64", 0),
            ArrayLayout("error_class", "string", ""),
            ArrayLayout("error_message", "string", ""),
            ArrayLayout("status", "uint8", int(Status.MISSING)),
        ]
        if self.latent_shape is not None:
            axes = tuple(f"latent_{axis}" for axis in range(len(self.latent_shape)))
            arrays.append(ArrayLayout("z", "float32", np.nan, tuple(self.latent_shape), axes))
        if self.layers:
            arrays.append(ArrayLayout("layer_absorption", "float64", np.nan, (len(self.layers),), ("layer",)))
        if self.wavelengths_nm:
            shape, axes = (len(self.wavelengths_nm),), ("wavelength_nm",)
            arrays += [ArrayLayout(name, "float64", np.nan, shape, axes) for name in self._numbered("spectrum")]
        return {array.name: array for array in arrays}

    def _numbered(self, name: str) -> list[str]:
        return numbered(name, len(self.properties)) if len(self.properties) > 1 else [name]

    def to_attributes(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "image_px": self.image_px,
            "latent_shape": None if self.latent_shape is None else list(self.latent_shape),
            "rows_per_unit": self.rows_per_unit,
            "layers": list(self.layers),
            "wavelengths_nm": list(self.wavelengths_nm),
            "inputs": dict(self.inputs),
            "properties": list(self.properties),
        }

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> StoreLayout:
        """Inverse of :meth:`to_attributes`."""
        latent = attributes["latent_shape"]
        return cls(
            image_px=attributes["image_px"],
            latent_shape=None if latent is None else tuple(latent),
            rows_per_unit=attributes["rows_per_unit"],
            layers=tuple(attributes["layers"]),
            wavelengths_nm=tuple(attributes["wavelengths_nm"]),
            inputs=attributes["inputs"],
            properties=tuple(attributes["properties"]),
        )


def numbered(name: str, count: int) -> list[str]:
    """Names of the columns that hold ``count`` numbers a row: ``y_1``, ``y_2``, ..."""
    return [f"{name}_{place}" for place in range(1, count + 1)]


def split_columns(columns: Mapping[str, np.ndarray], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Columns with those of several numbers a row, (n, D), apart, a column each.

    With ``known``, the arrays of a store, those that it keeps so: ``y`` where it has ``y_1``.
    """
    made: dict[str, Any] = {}
    for name, values in columns.items():
        is_apart = np.ndim(values) == 2 if known is None else name not in known and f"{name}_1" in known
        if is_apart:
            made |= zip(numbered(name, np.shape(values)[1]), np.moveaxis(np.asarray(values), 1, 0), strict=True)
        else:
            made[name] = values
    return made


def input_types(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Data types of the caller's columns as Zarr names; StoreError for what is no number, bool or string."""
    names = {}
    for name, dtype in inputs.items():
        wanted = np.dtype(dtype)
        if wanted.kind not in "fiubUT":
            raise StoreError(f"inputs: {name} must be a number, bool or string, got {wanted}")
        names[name] = "string" if wanted.kind in "UT" else str(wanted)
    return names


def check_rows(arrays: Mapping[str, ArrayLayout], given: Mapping[str, Any], rows: int) -> dict[str, np.ndarray]:
    """Every array of one unit as it will be stored, those not given filled; StoreError before anything is written."""
    unknown = sorted(set(given) - set(arrays))
    if unknown:
        raise StoreError(f"no array named {', '.join(unknown)} in this store; it has {', '.join(arrays)}")
    if "status" not in given:
        raise StoreError("status is missing: every row needs 1 (done) or 2 (failed)")
    checked = {
        name: array.check(given[name], rows) if name in given else array.filled(rows) for name, array in arrays.items()
    }
    _check_status(checked["status"])
    return checked


def _check_status(status: Sequence[int] | np.ndarray) -> None:
    wrong = sorted({int(value) for value in status} - {Status.DONE, Status.FAILED})
    if wrong:
        raise StoreError(f"status must be 1 (done) or 2 (failed) in every row written, got {wrong}")


def _fill_of(dtype: str) -> Any:
    if dtype == "string":
        return ""
    return {"f": np.nan, "b": False}.get(np.dtype(dtype).kind, 0)
