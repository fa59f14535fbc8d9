"""Zarr v3 groups of simulation stores: how they are laid out on disk, and how they are recognised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from results.layout import ArrayLayout, StoreError, StoreLayout

SCHEMA = "ganmdn-simulations"
SCHEMA_VERSION = 2
RESERVED_ATTRIBUTES = ("schema", "schema_version", "layout")


def open_group(path: Path, mode: Literal["r", "r+"]) -> tuple[zarr.Group, StoreLayout]:
    """The group of a store and its layout; FileNotFoundError or StoreError if there is none to be read."""
    if not path.exists():
        raise FileNotFoundError(f"no simulation store at {path}")
    try:
        group = zarr.open_group(path, mode=mode, zarr_format=3, use_consolidated=False)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{path} is not a simulation store: it holds no Zarr v3 group") from error
    attributes: dict[str, Any] = group.attrs.asdict()
    schema, version = attributes.get("schema"), attributes.get("schema_version")
    if schema != SCHEMA:
        raise StoreError(f"{path} is not a simulation store: its attribute schema is {schema!r}, not {SCHEMA!r}")
    if version != SCHEMA_VERSION:
        raise StoreError(f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}; compute it again")
    return group, StoreLayout.from_attributes(attributes["layout"])


def array_of(group: zarr.Group, name: str) -> zarr.Array:
    """One array of a group; StoreError if it is not there."""
    array = group.get(name)
    if not isinstance(array, zarr.Array):
        raise StoreError(f"{group.store_path} is not a whole simulation store: array {name} is missing")
    return array


def create_group(path: Path, capacity: int, layout: StoreLayout, attributes: Mapping[str, Any]) -> None:
    """Write the metadata of an empty store of ``capacity`` rows; no shard is written. Raises StoreError."""
    if capacity < 1:
        raise StoreError(f"capacity must be at least 1 row, got {capacity}")
    reserved = sorted(set(attributes) & set(RESERVED_ATTRIBUTES))
    if reserved:
        raise StoreError(f"attributes must not take the store's own names, got {', '.join(reserved)}")
    own = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "layout": layout.to_attributes()}
    group = zarr.create_group(path, zarr_format=3, attributes={**attributes, **own})
    for array in layout.arrays().values():
        _create_array(group, array, capacity, layout.rows_per_unit)
    if layout.layers:
        labels = group.create_array("layer", shape=(len(layout.layers),), dtype="string", dimension_names=["layer"])
        labels[:] = np.array(layout.layers, dtype=object)
    if layout.wavelengths_nm:
        group.create_array("wavelength_nm", data=np.array(layout.wavelengths_nm), dimension_names=["wavelength_nm"])


def _create_array(group: zarr.Group, array: ArrayLayout, capacity: int, rows_per_unit: int) -> None:
    group.create_array(
        array.name,
        shape=(capacity, *array.row_shape),
        dtype=array.dtype,
        shards=(rows_per_unit, *array.row_shape),
        chunks=(array.inner_rows(rows_per_unit), *array.row_shape),
        compressors=[ZstdCodec(level=3), Crc32cCodec()],
        fill_value=array.fill,
        dimension_names=["sim", *array.dimensions],
    )
