"""A store is verified by every checksum, and repaired without inventing anything."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pytest

from results.queries.query import query
from results.stores.columns import FOLDER, VALUES
from results.stores.store import SimulationStore
from results.stores.verify import repair_store, verify_store

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def made(
    make_store_in: Callable[..., SimulationStore],
    make_rows: Callable[..., dict],
    tmp_path_factory: pytest.TempPathFactory,
) -> SimulationStore:
    """Finished; the last of three units has failures."""
    made = make_store_in(tmp_path_factory.mktemp("made"), capacity=24)
    for unit in range(3):
        rows = make_rows(unit)
        if unit == 2:
            rows["status"][:2], rows["error_class"][:2], rows["error_message"][:2] = 2, "SolverError", "R + T = 1.2"
        made.write_unit(unit, rows)
    made.finish()
    return made


@pytest.fixture
def store(made: SimulationStore, copy_store: Callable[[SimulationStore], SimulationStore]) -> SimulationStore:
    return copy_store(made)


def flip(store: SimulationStore, file: str) -> None:
    content = bytearray((store.path / file).read_bytes())
    content[10] ^= 0xFF
    (store.path / file).write_bytes(content)


def test_a_sound_store_is_sound(store: SimulationStore) -> None:
    check = verify_store(SimulationStore.open(store.path))
    assert check.is_sound
    assert (check.columns, check.missing, check.damaged, check.strays, check.repeated) == ("current", [], {}, [], [])


@pytest.mark.parametrize("name", ["absorption", "status", "target", "seed"])
@pytest.mark.parametrize("lost", [False, True])
def test_a_column_comes_back_as_it_was(store: SimulationStore, name: str, lost: bool) -> None:
    before = {each: values.tolist() for each, values in store.read(*store.columns).items()}
    if lost:
        (store.path / name / "c" / "1").unlink()
    else:
        flip(store, f"{name}/c/1")
    check = verify_store(SimulationStore.open(store.path))
    assert not check.is_sound
    assert (check.missing == [1]) if (lost and name == "status") else (check.damaged == {1: [name]})
    mended = repair_store(SimulationStore.open(store.path, mode="r+"), check)
    assert mended.is_sound
    assert mended.columns == "current"
    after = SimulationStore.open(store.path)
    for each, values in after.read(*after.columns).items():
        np.testing.assert_array_equal(np.array(values.tolist()), np.array(before[each]), err_msg=each)


def test_texts_of_failures_come_back(store: SimulationStore) -> None:
    (store.path / "error_message" / "c" / "2").unlink()
    check = verify_store(SimulationStore.open(store.path))
    assert check.damaged == {2: ["error_message"]}
    assert repair_store(SimulationStore.open(store.path, mode="r+"), check).is_sound
    assert {row["error_message"] for row in query(SimulationStore.open(store.path), "status == 2")} == {"R + T = 1.2"}


def test_an_image_cannot_be_restored(store: SimulationStore) -> None:
    flip(store, "image/c/2/0")
    check = verify_store(SimulationStore.open(store.path))
    assert check.damaged == {2: ["image"]}
    mended = repair_store(SimulationStore.open(store.path, mode="r+"), check)
    assert (mended.is_sound, mended.missing, mended.finished) == (False, [2], True)
    assert SimulationStore.open(store.path).damaged_units() == [2]  # what has a run compute it again


def test_an_unfinished_store_has_holes_and_no_damage(
    make_store: Callable[..., SimulationStore], make_rows: Callable[..., dict]
) -> None:
    made = make_store()
    made.write_unit(3, make_rows(3))
    check = verify_store(made)
    assert (check.is_sound, check.missing, check.columns) == (True, [0, 1, 2, 4], "absent")


def test_files_of_no_unit_are_found_and_removed(store: SimulationStore) -> None:
    strays = [store.path / "y" / "c" / "3.deadbeef.partial", store.path / "y" / "c" / "7"]
    for stray in strays:
        stray.write_bytes(b"x")
    check = verify_store(SimulationStore.open(store.path))
    assert sorted(check.strays) == sorted(strays)
    assert check.is_sound
    assert repair_store(SimulationStore.open(store.path, mode="r+"), check).strays == []
    assert not any(stray.exists() for stray in strays)


def test_rows_that_repeat_others_are_told(
    make_store: Callable[..., SimulationStore], make_rows: Callable[..., dict]
) -> None:
    made = make_store(capacity=16)
    made.write_unit(0, make_rows(0))
    rows = make_rows(1)
    rows["image"][5], rows["target"][5] = make_rows(0)["image"][2], make_rows(0)["target"][2]
    rows["image"][6], rows["target"][6] = make_rows(0)["image"][2], 0.123  # another question
    made.write_unit(1, rows)
    assert verify_store(made).repeated == [13]


@pytest.mark.parametrize("damage", ["removed", "other bytes"])
def test_columns_are_laid_together_again(store: SimulationStore, damage: str) -> None:
    if damage == "removed":
        shutil.rmtree(store.path / FOLDER)
    else:
        flip(store, f"{FOLDER}/{VALUES}")
    check = verify_store(SimulationStore.open(store.path))
    assert check.columns == ("absent" if damage == "removed" else "stale")
    assert check.is_sound
    assert repair_store(SimulationStore.open(store.path, mode="r+"), check).columns == "current"
