"""Folders for sockets: short enough, or refused with the limit."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import pytest

from cluster.node.temp_folder import LONGEST_SOCKET_SUFFIX, SOCKET_PATH_BYTES, check_temp_dir, make_temp_dir


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


def test_a_new_folder_is_private_and_short_even_where_tmpdir_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_one = tmp_path / ("x" * 60)
    long_one.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long_one))
    folder = make_temp_dir()
    try:
        check_temp_dir(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(folder)
