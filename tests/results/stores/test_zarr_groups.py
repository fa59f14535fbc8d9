"""Paths that are no store, and stores whose description is broken: what is wrong, and what is meant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import zarr

from results.stores.layout import StoreError
from results.stores.store import SimulationStore
from results.stores.zarr_groups import array_of, open_group

Maker = Callable[..., SimulationStore]
RowMaker = Callable[..., dict[str, np.ndarray]]


@pytest.mark.parametrize("file", ["zarr.json", "y/zarr.json"])
@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b"{}", b'{"zarr_format": 3, "node_type": "group"}', b"\xff\xfe"]
)
def test_a_broken_description_is_named(make_store: Maker, file: str, content: bytes | None) -> None:
    store = make_store()
    (store.path / file).unlink() if content is None else (store.path / file).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        SimulationStore.open(store.path)
    message = str(caught.value)
    assert str(store.path) in message
    assert file in message or "array y is missing" in message or "its attribute schema is None" in message
    assert "\n" not in message


def test_a_path_beside_the_store_leads_to_it(make_store: Maker) -> None:
    path = make_store().path
    (path / "y" / "c").mkdir(exist_ok=True)
    for inside in ("y", "y/c", "zarr.json", "z"):
        with pytest.raises(
            StoreError, match=f"{inside} lies in a simulation store and is none; name the store, {path}"
        ):
            SimulationStore.open(path / inside)
    with pytest.raises(StoreError, match=r"it holds some; name one of store\.zarr in it"):
        SimulationStore.open(path.parent)


def test_an_array_is_written_whole_without_a_setting_that_all_threads_share(
    make_store: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_store().path
    group, _ = open_group(path, "r+")
    before, seen = zarr.config.get("array.write_empty_chunks"), []
    get = zarr.Group.get

    def observed(self: zarr.Group, path: str) -> object:
        seen.append(zarr.config.get("array.write_empty_chunks"))
        return get(self, path)

    monkeypatch.setattr(zarr.Group, "get", observed)
    array = array_of(group, path, "y")
    assert array.config.write_empty_chunks
    assert seen == [before]
