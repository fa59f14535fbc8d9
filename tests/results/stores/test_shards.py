"""Stores of which a copy left out files: no reader takes what is lost for fill values, and each names the unit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from results.queries.query import query
from results.stores.layout import DamagedStoreError, StoreError
from results.stores.store import SimulationStore

Maker = Callable[..., SimulationStore]
RowMaker = Callable[..., dict[str, np.ndarray]]


def shard(store: SimulationStore, name: str, unit: int) -> Path:
    return next(
        path
        for path in (store.path / name / "c" / str(unit), *store.path.glob(f"{name}/c/{unit}/**/*"))
        if path.is_file()
    )


@pytest.fixture(scope="module")
def made(make_store_in: Maker, make_rows: RowMaker, tmp_path_factory: pytest.TempPathFactory) -> SimulationStore:
    """A finished store; row 11 failed, and unit 2 holds nothing but what Zarr fills with."""
    store = make_store_in(tmp_path_factory.mktemp("made"))
    for unit in range(store.unit_count):
        rows = make_rows(unit)
        if unit == 1:
            rows["status"][3], rows["error_class"][3], rows["error_message"][3] = 2, "SolverError", "no luck"
        if unit == 2:
            rows = {"status": rows["status"], "image": np.zeros_like(rows["image"]), "seed": np.zeros(8, np.uint64)}
        store.write_unit(unit, rows)
    store.finish()
    return store


@pytest.fixture
def store(made: SimulationStore, copy_store: Callable[[SimulationStore], SimulationStore]) -> SimulationStore:
    return copy_store(made)


def test_a_whole_store_is_whole_whatever_it_holds(store: SimulationStore) -> None:
    assert store.is_finished
    assert store.damaged_units() == []
    assert (store.images(store.unit_rows(2)) == 0).all()
    assert np.isnan(store.read("y", rows=[16])["y"]).all()


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "unit", "damage"),
    [
        ("image", 2, "missing"),
        ("image", 2, "empty"),
        ("y", 0, "missing"),
        ("y", 0, "empty"),
        ("y", 2, "missing"),
        ("z", 4, "empty"),
        ("layer_absorption", 3, "missing"),
        ("seed", 0, "empty"),
        ("target", 2, "missing"),
        ("error_class", 1, "missing"),
        ("error_class", 1, "empty"),
    ],
)
def test_a_file_that_a_copy_left_out_is_found_by_every_reader(
    store: SimulationStore, name: str, unit: int, damage: str
) -> None:
    file = shard(store, name, unit)
    file.unlink() if damage == "missing" else file.write_bytes(b"")
    readers: list[Callable[[], object]] = [
        store.read,
        lambda: store.read(name, rows=[unit * 8 + 3]),
        lambda: store.read(name, rows=slice(unit * 8, unit * 8 + 8)),
        lambda: query(store, f"sim == {unit * 8 + 3} and status >= 1"),
    ]
    if name in ("z", "layer_absorption", "image"):  # no columns
        readers.pop()
    if name == "image":
        readers.append(store.images)
    if name != "error_class":
        readers.append(store.dataset)
    for reader in readers:
        with pytest.raises(DamagedStoreError) as caught:
            reader()
        assert f"unit {unit} (rows {unit * 8} to {unit * 8 + 7}): its file of array {name} is {damage}; copy it" in str(
            caught.value
        )
        assert caught.value.units == (unit,)
    assert store.damaged_units() == [unit]
    others = [row for row in range(40) if row // 8 != unit]
    assert len(store.read(name, rows=others)[name]) == 32


def test_a_unit_that_a_copy_left_out_of_a_finished_store_is_found(store: SimulationStore) -> None:
    for name in store.names:
        for unit in (1, 3):
            if (store.path / name / "c" / str(unit)).exists():
                shard(store, name, unit).unlink()
    assert store.damaged_units() == [1, 3]
    for reader in (lambda: query(store, "y > 0"), lambda: store.read("y"), store.dataset):
        with pytest.raises(
            DamagedStoreError, match=r"unit 1 \(rows 8 to 15\), and 1 more: its file of array status is"
        ):
            reader()
    store.discard_unit(1)
    assert not store.is_finished
    assert store.missing_units() == [1, 3]
    with pytest.raises(StoreError, match="cannot be finished, 2 of 5 units are missing"):
        store.finish()


def test_a_store_that_is_being_written_lacks_nothing(make_store: Maker, make_rows: RowMaker) -> None:
    store = make_store()
    store.write_unit(3, make_rows(3))
    assert store.damaged_units() == []
    assert len(query(store, "y > 0")) == 8
    assert np.isnan(store.read("y", rows=slice(0, 8))["y"]).all()


def test_an_error_survives_its_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(DamagedStoreError("unit 3 is damaged", [3])))
    assert (str(error), error.units) == ("unit 3 is damaged", (3,))
