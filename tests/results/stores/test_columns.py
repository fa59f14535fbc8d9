"""Columns laid together answer as the shards do, and never for shards that are others by now."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from results.queries.query import query
from results.stores import columns as columns_module
from results.stores.columns import FOLDER, INDEX, VALUES, ColumnsError, _text_bytes, _texts
from results.stores.layout import DamagedStoreError
from results.stores.store import SimulationStore

EXPRESSION = "0.58 < absorption and target < 0.7"


BLOCK_ROWS = 12  # blocks do not end where units do


@pytest.fixture(scope="module")
def made(
    make_store_in: Callable[..., SimulationStore],
    make_rows: Callable[..., dict],
    tmp_path_factory: pytest.TempPathFactory,
) -> SimulationStore:
    """Five units, failures and texts among them."""
    store = make_store_in(tmp_path_factory.mktemp("made"))
    for unit in range(5):
        rows = make_rows(unit)
        rows["reflection"][:] = np.nan
        if unit == 3:
            rows["status"][2:4] = 2
            rows["error_class"][2:4] = "SolverError"
            rows["error_message"][2:4] = ["R + T = 1.2 → ✗", "x" * 300]
        store.write_unit(unit, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns_module, "BLOCK_ROWS", BLOCK_ROWS)
        store.finish()
    return store


@pytest.fixture
def finished(
    made: SimulationStore,
    copy_store: Callable[[SimulationStore], SimulationStore],
    monkeypatch: pytest.MonkeyPatch,
) -> SimulationStore:
    monkeypatch.setattr(columns_module, "BLOCK_ROWS", BLOCK_ROWS)
    return copy_store(made)


def without_columns(store: SimulationStore, expression: str) -> list[dict]:
    """The slow, obvious way: the same question to the shards alone."""
    bare = store.path.with_name("bare.zarr")
    shutil.copytree(store.path, bare)
    shutil.rmtree(bare / FOLDER)
    answer = query(SimulationStore.open(bare), expression)
    shutil.rmtree(bare)
    return answer


def older(store: SimulationStore) -> None:
    """Every file and folder of the shards a minute older than the columns."""
    then = (store.path / FOLDER / VALUES).stat().st_mtime - 60
    for path in store.path.rglob("*"):
        if FOLDER not in path.parts:
            os.utime(path, (then, then))


def refuse_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: SimulationStore, *names: str, **how: object) -> None:
        raise AssertionError(f"a shard of {names} was read")

    monkeypatch.setattr(SimulationStore, "read", refuse)


@pytest.mark.parametrize("expression", [EXPRESSION, "status == 2", "error_class == 'SolverError' and status > 0"])
def test_columns_answer_as_shards_do(
    finished: SimulationStore, expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    obvious = without_columns(finished, expression)
    assert obvious
    refuse_shards(monkeypatch)
    assert repr(query(SimulationStore.open(finished.path), expression)) == repr(obvious)


def test_every_column_is_the_shards_own_bit_by_bit(finished: SimulationStore) -> None:
    laid = SimulationStore.open(finished.path).laid_columns()
    assert laid is not None
    assert len(list(laid.blocks())) == 4
    for name in finished.columns:
        stored = finished.read(name)[name]
        read = np.concatenate([laid.read(name, block) for block in laid.blocks()])
        assert read.dtype == (object if stored.dtype.kind == "T" else stored.dtype)
        np.testing.assert_array_equal(read, stored, err_msg=name)
        block = laid.block_of(30)
        np.testing.assert_array_equal(laid.read(name, block, np.array([3, 1])), stored[[27, 25]], err_msg=name)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=30))
def test_texts_are_read_as_they_were(texts: list[str]) -> None:
    given_texts = np.array([*texts, ""], object)[:-1]
    assert _texts(_text_bytes(given_texts), len(texts)).tolist() == texts


def test_a_unit_that_is_written_again_takes_the_columns(
    finished: SimulationStore, make_rows: Callable[..., dict]
) -> None:
    finished.write_unit(1, make_rows(77))
    assert SimulationStore.open(finished.path).laid_columns() is None
    assert not (finished.path / FOLDER).exists()
    finished.finish()
    found = {row["sim"]: row["absorption"] for row in query(SimulationStore.open(finished.path), "absorption > 0")}
    assert [found[sim] for sim in range(8, 16)] == make_rows(77)["absorption"].tolist()


def test_a_writer_that_knew_nothing_of_the_end_takes_them_as_well(
    make_store: Callable[..., SimulationStore], make_rows: Callable[..., dict]
) -> None:
    store = make_store(capacity=8)
    late = SimulationStore.open(store.path, mode="r+")
    store.write_unit(0, make_rows(0))
    store.finish()
    late.write_unit(0, make_rows(5))
    rows = query(SimulationStore.open(store.path), "y > 0")
    assert [row["y"] for row in rows] == make_rows(5)["y"].tolist()


@pytest.mark.long
@pytest.mark.parametrize("stage", ["before the values", "before the index", "before the attributes"])
def test_a_kill_while_finishing_leaves_a_store_that_answers(
    make_store: Callable[..., SimulationStore],
    make_rows: Callable[..., dict],
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    store = make_store(capacity=8)
    store.write_unit(0, make_rows(0))
    store.finish()
    store.write_unit(0, make_rows(1))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if stage == "before the values":
            patch.setattr(columns_module, "sync_file", killed)
        elif stage == "before the index":
            patch.setattr(columns_module, "write_atomically", killed)
        else:
            patch.setattr(zarr.core.attributes.Attributes, "update", killed)
        with pytest.raises(KeyboardInterrupt):
            store.finish()
    again = SimulationStore.open(store.path, mode="r+")
    assert again.laid_columns() is None
    assert [row["y"] for row in query(again, "y > 0")] == make_rows(1)["y"].tolist()
    again.finish()
    assert SimulationStore.open(store.path).laid_columns() is not None


def test_an_index_of_another_store_is_not_believed(finished: SimulationStore) -> None:
    index = finished.path / FOLDER / INDEX
    facts = json.loads(index.read_text())
    facts["attributes"]["note"] = "from elsewhere"
    index.write_text(json.dumps(facts))
    assert SimulationStore.open(finished.path).laid_columns() is None


@pytest.mark.parametrize("damage", ["flip a byte", "cut off", "remove"])
def test_a_damaged_copy_is_passed_over(finished: SimulationStore, damage: str) -> None:
    obvious = query(finished, EXPRESSION)
    values = finished.path / FOLDER / VALUES
    content = bytearray(values.read_bytes())
    laid = finished.laid_columns()
    assert laid is not None
    for place in range(0, len(content), 50):
        content[place] ^= 1
    if damage == "remove":
        values.unlink()
    else:
        values.write_bytes(content if damage == "flip a byte" else content[:100])
    if damage != "remove":
        with pytest.raises(ColumnsError):
            laid.read("absorption", laid.block_of(0))
    assert repr(query(SimulationStore.open(finished.path), EXPRESSION)) == repr(obvious)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("damage", ["missing", "empty", "other bytes"])
def test_a_shard_that_was_lost_since_is_no_answer(
    finished: SimulationStore, damage: str, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if many:
        monkeypatch.setattr(columns_module, "FEW_UNITS", 0)
    older(finished)
    shard = finished.path / "absorption" / "c" / "2"
    content = bytearray(shard.read_bytes())
    shard.unlink()  # as a copy that went wrong leaves it: a new file, or none
    content[10] ^= 0xFF
    if damage != "missing":
        shard.write_bytes(b"" if damage == "empty" else content)
    with pytest.raises(DamagedStoreError, match="unit 2"):
        query(SimulationStore.open(finished.path), EXPRESSION)


def test_a_copy_of_a_store_still_answers_from_its_columns(
    finished: SimulationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    obvious = query(finished, EXPRESSION)
    copied = finished.path.with_name("copied.zarr")
    shutil.copytree(finished.path, copied, copy_function=shutil.copyfile)
    values = copied / FOLDER / VALUES
    os.utime(values, (1, 1))  # as if all shards were written after the columns: their checksums decide
    refuse_shards(monkeypatch)
    assert repr(query(SimulationStore.open(copied), EXPRESSION)) == repr(obvious)


def test_of_many_units_no_file_is_looked_at(finished: SimulationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    obvious = query(finished, EXPRESSION)
    older(finished)
    monkeypatch.setattr(columns_module, "FEW_UNITS", 0)
    monkeypatch.setattr(columns_module.LaidColumns, "_is_same", lambda *_: pytest.fail("a file was looked at"))
    refuse_shards(monkeypatch)
    assert repr(query(SimulationStore.open(finished.path), EXPRESSION)) == repr(obvious)


def test_a_finished_store_without_columns_answers_from_its_shards(finished: SimulationStore) -> None:
    obvious = query(finished, EXPRESSION)
    shutil.rmtree(finished.path / FOLDER)
    assert repr(query(SimulationStore.open(finished.path), EXPRESSION)) == repr(obvious)


def test_a_full_disk_does_not_keep_a_store_from_being_finished(
    make_store: Callable[..., SimulationStore], make_rows: Callable[..., dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(capacity=8)
    store.write_unit(0, make_rows(0))

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(columns_module, "sync_file", full)
    store.finish()
    opened = SimulationStore.open(store.path)
    assert (opened.is_finished, opened.laid_columns()) == (True, None)


@pytest.mark.filterwarnings("error")
def test_readers_of_zarr_pass_over_the_columns(finished: SimulationStore) -> None:
    with finished.dataset() as dataset:
        assert FOLDER not in dataset
    assert sorted(zarr.open_group(finished.path, mode="r").array_keys()) == sorted([*finished.names, "layer"])
