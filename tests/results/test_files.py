"""Atomic files and folders: whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from results.files import atomic_folder, atomic_path, write_atomically


def test_text_and_bytes_arrive_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "note.txt", "Größe\n")
    write_atomically(tmp_path / "raw.bin", b"\x00\xff")
    assert (tmp_path / "note.txt").read_text(encoding="utf-8") == "Größe\n"
    assert (tmp_path / "raw.bin").read_bytes() == b"\x00\xff"
    assert {path.name for path in tmp_path.iterdir()} == {"note.txt", "raw.bin"}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_atomically(path, "old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError("disk gone")

    with pytest.raises(RuntimeError, match="disk gone"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_name_keeps_the_suffix_and_the_folder(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "figure.pdf") as temporary:
        assert temporary.suffix == ".pdf"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"%PDF")


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot write .*figure\.png: its folder does not exist"):
        write_atomically(tmp_path / "absent" / "figure.png", b"")


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "labels.zarr"

    def write(error: type[Exception] | None = None) -> None:
        with atomic_folder(path) as temporary:
            temporary.mkdir()
            (temporary / "zarr.json").write_text("{}")
            assert not path.exists()
            if error is not None:
                raise error("disk gone")

    with pytest.raises(RuntimeError, match="disk gone"):
        write(RuntimeError)
    assert list(tmp_path.iterdir()) == []
    write()
    assert list(path.iterdir()) == [path / "zarr.json"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "labels.zarr"

    def write_beside_another() -> None:
        with atomic_folder(path) as temporary:
            temporary.mkdir()
            path.mkdir()  # somebody else was quicker; os.rename would replace an empty folder

    with pytest.raises(FileExistsError, match=r"labels\.zarr exists already; name another, or remove it first"):
        write_beside_another()
    assert list(tmp_path.iterdir()) == [path]
