"""Zarr v3 groups of simulation stores: how they are laid out on disk, and how they are recognised."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from results.stores.layout import ArrayLayout, StoreError, StoreLayout

SCHEMA = "ganmdn-simulations"
SCHEMA_VERSION = 4
RESERVED_ATTRIBUTES = ("schema", "schema_version", "layout", "finished", "columns")
GROUP_FILE = "zarr.json"
STORE_HINT = "RUN/stages/labels/DATASET/labels.zarr"
MEND = "copy it again, or remove the run's report.html and `campaign submit` its spec, which computes what is lost"


def open_group(path: Path, mode: Literal["r", "r+"]) -> tuple[zarr.Group, StoreLayout]:
    """The group of a store and its layout; FileNotFoundError or StoreError if there is none to be read."""
    if not path.exists():
        raise FileNotFoundError(f"no simulation store at {path}")
    if not (path / GROUP_FILE).is_file():
        raise StoreError(_why_no_store(path))
    try:
        group = zarr.open_group(path, mode=mode, zarr_format=3, use_consolidated=False)
        attributes: dict[str, Any] = group.attrs.asdict()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(_why_no_store(path) or _broken(path / GROUP_FILE, error)) from error
    schema, version = attributes.get("schema"), attributes.get("schema_version")
    if schema != SCHEMA:
        raise StoreError(
            _why_no_store(path)
            or f"{path} is not a simulation store: its attribute schema is {schema!r}, not {SCHEMA!r}"
        )
    if version != SCHEMA_VERSION:
        is_newer = isinstance(version, int) and version > SCHEMA_VERSION
        fix = "read it with the program that wrote it, or a newer one" if is_newer else "compute it again"
        raise StoreError(f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}; {fix}")
    try:
        return group, StoreLayout.from_attributes(attributes["layout"])
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(_broken(path / GROUP_FILE, error)) from error


def array_of(group: zarr.Group, path: Path, name: str) -> zarr.Array:
    """One array of the group at ``path``, written whole even where it holds nothing but fill values.

    Raises StoreError if it is not there.
    """
    try:
        array = group.get(name)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(_broken(path / name / GROUP_FILE, error)) from error
    if not isinstance(array, zarr.Array):
        raise StoreError(f"{path} is not a whole simulation store: array {name} is missing; {MEND}")
    # Not through zarr.config, which all threads share: another that leaves it would take the setting away.
    return array.with_config({"write_empty_chunks": True})


def refuse_broken_arrays(group: zarr.Group, path: Path, names: Iterable[str]) -> None:
    """Look at the descriptions of arrays, without opening them; raises StoreError."""
    for name in names:
        try:
            is_array = json.loads((path / name / GROUP_FILE).read_bytes())["node_type"] == "array"
        except (OSError, ValueError, KeyError, TypeError):
            is_array = False
        if not is_array:
            array_of(group, path, name)  # which says what is wrong


def _broken(file: Path, error: Exception) -> str:
    return f"{file} is damaged, so that the store cannot be read ({type(error).__name__}: {error}); {MEND}"


def _why_no_store(path: Path) -> str:
    """What the caller may have meant by a path that is no store; "" where nothing is near."""
    around = next((parent for parent in path.absolute().parents if is_store(parent)), None)
    if around is not None:
        return f"{path} lies in a simulation store and is none; name the store, {around}"
    inside = sorted(each.name for each in path.iterdir() if is_store(each)) if path.is_dir() else []
    if inside:
        return f"{path} is not a simulation store, it holds some; name one of {', '.join(inside)} in it"
    if (path / GROUP_FILE).exists():
        return ""
    if path.is_dir() and (path / "status").is_dir():
        return f"{path} is not a whole simulation store: its {GROUP_FILE} is missing; {MEND}"
    return f"{path} is not a simulation store: it holds no Zarr v3 group; name a folder such as {STORE_HINT}"


def is_store(folder: Path) -> bool:
    """Whether a folder says of itself that it is a store, of whatever version."""
    try:
        return json.loads((folder / GROUP_FILE).read_bytes())["attributes"]["schema"] == SCHEMA
    except (OSError, ValueError, KeyError, TypeError):
        return False


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
