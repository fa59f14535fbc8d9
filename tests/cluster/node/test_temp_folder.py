"""Folders for sockets: short enough, or refused with the limit."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import pytest

from cluster.node.temp_folder import (
    LONGEST_SOCKET_SUFFIX,
    SOCKET_PATH_BYTES,
    check_temp_dir,
    default_parent,
    make_temp_dir,
    why_not_default,
)


def test_a_long_temp_dir_is_refused_with_the_limit() -> None:
    folder = Path("/tmp") / ("x" * 60)
    allowed = SOCKET_PATH_BYTES - len(LONGEST_SOCKET_SUFFIX)
    expected = (
        f"temp_dir must have at most {allowed} bytes, because the path of a socket under it may have "
        f"{SOCKET_PATH_BYTES}; got 65: {folder}. Choose a short folder, such as /tmp/ray-$USER"
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        check_temp_dir(folder)


def test_bytes_count_and_not_characters() -> None:
    allowed = SOCKET_PATH_BYTES - len(LONGEST_SOCKET_SUFFIX)
    check_temp_dir(Path("/" + "x" * (allowed - 1)))
    with pytest.raises(ValueError, match="temp_dir must have at most"):
        check_temp_dir(Path("/" + "é" * (allowed - 1)))


def test_ray_reads_ascii_alone() -> None:
    message = "temp_dir must be written in ASCII, since Ray reads no other letters in it; got /scratch/zoé. Choose"
    with pytest.raises(ValueError, match=re.escape(message)):
        check_temp_dir(Path("/scratch/zoé"))


def test_a_temporary_folder_that_is_fit_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")
    assert why_not_default() is None
    assert default_parent() == Path("/var/tmp")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 60, r"TMPDIR is not used for Ray: temp_dir must have at most \d+ bytes"),
        ("zoé", "TMPDIR is not used for Ray: temp_dir must be written in ASCII"),
    ],
)
def test_a_new_folder_is_private_short_and_ascii_whatever_tmpdir_is(
    monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        unfit = Path(short) / name
        unfit.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(unfit))
        assert re.match(reason, why_not_default() or "")
        folder = make_temp_dir()
    try:
        check_temp_dir(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(folder)
