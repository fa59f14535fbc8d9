"""Simulation stores: what is written is read, one unit at a time, whatever is killed in between."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from results.stores.layout import DamagedStoreError, StoreError
from results.stores.store import SimulationStore
from results.stores.zarr_groups import SCHEMA_VERSION

Maker = Callable[..., SimulationStore]
RowMaker = Callable[..., dict[str, np.ndarray]]


class KilledError(BaseException):
    """Stands for a kill: nothing may catch it."""


def kill_when_writing(store: SimulationStore, array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: SimulationStore, name: str, unit: int) -> None:
        if name == array:
            raise KilledError

    monkeypatch.setattr(SimulationStore, "_sync_shard", killed)


def assert_rows_equal(store: SimulationStore, unit: int, rows: dict[str, np.ndarray]) -> None:
    stored = store.read(rows=store.unit_rows(unit))
    for name, values in rows.items():
        np.testing.assert_array_equal(stored[name].astype(values.dtype), values, err_msg=name)


def test_a_unit_is_read_as_it_was_written(make_store: Maker, make_rows: RowMaker) -> None:
    store = make_store()
    rows = make_rows(1)
    rows["status"][3] = 2
    rows["error_class"][3], rows["error_message"][3] = "SolverError", "energy balance broken: R + T = 1.2 → ✗"
    store.write_unit(2, rows)
    assert_rows_equal(SimulationStore.open(store.path), 2, rows)
    np.testing.assert_array_equal(store.images(rows=[17, 19]), rows["image"][[1, 3]])
    assert (store.read("status", rows=slice(0, 16))["status"] == 0).all()


def test_what_is_not_given_is_the_fill_value(make_store: Maker) -> None:
    store = make_store()
    store.write_unit(0, {"status": np.ones(8, np.uint8)})
    stored = store.read(rows=store.unit_rows(0))
    assert np.isnan(stored["z"]).all()
    assert np.isnan(stored["y"]).all()
    assert set(stored["error_message"]) == {""}


def test_the_last_unit_may_be_short(make_store: Maker, make_rows: RowMaker) -> None:
    store = make_store(capacity=20)
    assert store.unit_count == 3
    assert store.unit_rows(2) == slice(16, 20)
    rows = make_rows(5, count=4)
    store.write_unit(2, rows)
    assert_rows_equal(store, 2, rows)
    assert store.missing_units() == [0, 1]


@pytest.mark.parametrize("array", ["image", "y", "target", "z"])
def test_a_kill_between_arrays_leaves_the_unit_missing(
    make_store: Maker, make_rows: RowMaker, monkeypatch: pytest.MonkeyPatch, array: str
) -> None:
    store = make_store()
    failed = make_rows(1)
    failed["error_message"][:] = "from the attempt that was killed"
    with monkeypatch.context() as patch:
        kill_when_writing(store, array, patch)
        with pytest.raises(KilledError):
            store.write_unit(1, failed)
    assert 1 in SimulationStore.open(store.path).missing_units()
    rows = make_rows(2)
    store.write_unit(1, rows)
    assert 1 not in store.missing_units()
    assert_rows_equal(store, 1, rows)


def test_rewriting_a_done_unit_takes_its_mark_first(
    make_store: Maker, make_rows: RowMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store()
    store.write_unit(1, make_rows(1))
    kill_when_writing(store, "y", monkeypatch)
    with pytest.raises(KilledError):
        store.write_unit(1, make_rows(2))
    assert 1 in store.missing_units()


def test_partial_files_of_a_killed_writer_are_not_marks(make_store: Maker, make_rows: RowMaker) -> None:
    store = make_store()
    store.write_unit(0, make_rows(0))
    (store.path / "status" / "c" / "3.deadbeef.partial").write_bytes(b"")
    assert store.missing_units() == [1, 2, 3, 4]


@pytest.mark.long
def test_units_of_two_processes_in_any_order(make_store: Maker, make_rows: RowMaker) -> None:
    store = make_store()
    rows = {unit: make_rows(unit) for unit in range(store.unit_count)}
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(2) as pool:
        pool.starmap(store.write_unit, [(unit, rows[unit]) for unit in (3, 0, 4, 2, 1)])
    assert store.is_complete
    for unit, written in rows.items():
        assert_rows_equal(store, unit, written)


@pytest.mark.parametrize("damage", ["flip a byte", "cut in half"])
def test_a_damaged_shard_is_found_and_repaired(make_store: Maker, make_rows: RowMaker, damage: str) -> None:
    store = make_store()
    store.write_unit(0, make_rows(0))
    store.write_unit(1, make_rows(1))
    shard = store.path / "absorption" / "c" / "1"
    content = bytearray(shard.read_bytes())
    content[10] ^= 0xFF
    shard.write_bytes(content if damage == "flip a byte" else content[: len(content) // 2])
    message = r"is damaged: unit 1 \(rows 8 to 15\): its file of array absorption is not what was written .*; copy it"
    with pytest.raises(DamagedStoreError, match=message) as caught:
        store.read("absorption")
    assert caught.value.units == (1,)
    assert store.damaged_units() == [1]
    store.discard_unit(1)
    store.write_unit(1, make_rows(1))
    assert store.damaged_units() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"absorbtion": np.zeros(8)}, "no array named absorbtion in this store; it has image, y,"),
        ({"y": np.zeros(7)}, r"y: expected shape \(8,\), got \(7,\)"),
        ({"z": np.zeros((8, 3, 2))}, r"z: expected shape \(8, 2, 3\), got \(8, 3, 2\)"),
        ({"y": np.array(["a"] * 8)}, "y: expected float64, got <U1"),
        ({"image": np.full((8, 16, 16), 255)}, "image: expected only the values 0 and 1"),
        (
            {"image": np.zeros((8, 32), np.uint8)},
            r"image: expected 0/1 images of shape \(8, 16, 16\), got \(8, 32\)",
        ),
        (
            {"status": np.zeros(8, np.uint8)},
            r"status must be 1 \(done\) or 2 \(failed\) in every row written, got \[0\]",
        ),
        ({"status": None}, r"status is missing: every row needs 1 \(done\) or 2 \(failed\)"),
    ],
)
def test_wrong_rows_write_nothing(make_store: Maker, make_rows: RowMaker, change: dict[str, Any], message: str) -> None:
    store = make_store()
    rows = {name: values for name, values in {**make_rows(0), **change}.items() if values is not None}
    with pytest.raises(StoreError, match=message):
        store.write_unit(0, rows)
    assert not [path for path in store.path.glob("*/c/0*") if path.parent.parent.name != "layer"]


def test_out_of_range_and_read_only_writes_are_refused(make_store: Maker, make_rows: RowMaker) -> None:
    store = make_store()
    with pytest.raises(StoreError, match="unit must be from 0 to 4, got 5"):
        store.write_unit(5, make_rows(0))
    with pytest.raises(StoreError, match=r"was opened for reading; open it with mode='r\+'"):
        SimulationStore.open(store.path).write_unit(0, make_rows(0))


def test_what_is_no_store_is_refused(make_store: Maker, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no simulation store at"):
        SimulationStore.open(tmp_path / "absent")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for name in ("folder", "file"):
        with pytest.raises(StoreError, match="is not a simulation store: it holds no Zarr v3 group"):
            SimulationStore.open(tmp_path / name)
    zarr.create_group(tmp_path / "other.zarr", zarr_format=3)
    with pytest.raises(StoreError, match="its attribute schema is None"):
        SimulationStore.open(tmp_path / "other.zarr")
    store = make_store()
    zarr.open_group(store.path, mode="r+").attrs["schema_version"] = 99
    with pytest.raises(
        StoreError, match=f"has schema version 99, this program reads {SCHEMA_VERSION}; read it with the program"
    ):
        SimulationStore.open(store.path)


def test_create_is_atomic_and_never_replaces(make_store: Maker, tmp_path: Path) -> None:
    store = make_store()
    with pytest.raises(FileExistsError, match="exists already; open it, or remove it first"):
        make_store()
    with pytest.raises(StoreError, match="capacity must be at least 1 row, got 0"):
        make_store("empty.zarr", capacity=0)
    with pytest.raises(StoreError, match="attributes must not take the store's own names, got schema"):
        make_store("taken.zarr", attributes={"schema": "mine"})
    assert list(tmp_path.iterdir()) == [store.path]
    assert store.attributes == {"spec_key": "abc123"}


def test_xarray_opens_lazily_with_names(make_store: Maker, make_rows: RowMaker) -> None:
    store = make_store()
    store.write_unit(0, make_rows(0))
    (store.path / "absorption" / "c" / "0").write_bytes(b"not a shard")
    with store.dataset() as dataset:  # opening reads no shard, or this one would have stopped it
        assert dict(dataset.sizes) == {
            "sim": 40,
            "latent_0": 2,
            "latent_1": 3,
            "packed_pixel": 32,
            "layer": 2,
        }
        assert dataset.layer_absorption.dims == ("sim", "layer")
        assert dataset.layer.values.tolist() == ["pattern", "film"]
        assert dataset.attrs["spec_key"] == "abc123"
        film = dataset.layer_absorption.sel(layer="film")[:8]
        np.testing.assert_array_equal(film, make_rows(0)["layer_absorption"][:, 1])
        with pytest.raises(ValueError, match=r"(?i)checksum|shard|index|size"):
            dataset.absorption[:8].load()


def test_no_consolidated_metadata(make_store: Maker, make_rows: RowMaker) -> None:
    store = make_store()
    store.write_unit(0, make_rows(0))
    assert "consolidated_metadata" not in (store.path / "zarr.json").read_text()


def test_a_million_rows_open_in_under_a_second(make_store: Maker, make_rows: RowMaker) -> None:
    path = make_store(capacity=1_000_000, rows_per_unit=64).path
    writer = SimulationStore.open(path, mode="r+")
    for unit in (0, 7000, 15_624):
        writer.write_unit(unit, make_rows(unit, count=64))
    start = time.perf_counter()
    store = SimulationStore.open(path)
    with store.dataset() as dataset:
        rows = dataset.sizes["sim"]
    missing = store.missing_units()
    elapsed = time.perf_counter() - start
    assert rows == 1_000_000
    assert len(missing) == 15_625 - 3
    assert elapsed < 1.0
