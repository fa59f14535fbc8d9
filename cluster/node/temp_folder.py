"""Ray's folder for sockets and logs: its own for every run, short and in ASCII, since paths of its sockets are."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

# Linux keeps 108 bytes for a socket's path, macOS 104, the closing zero included.
SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107

# What Ray appends at its longest: process ids have up to 7 digits, the dashboard's modules have sockets too.
LONGEST_SOCKET_SUFFIX = "/session_2000-01-01_00-00-00_000000_1234567/sockets/dash_TaskEventsHead"

PREFIX = "ray-"


FALLBACK = Path("/tmp")


def check_temp_dir(folder: Path) -> None:
    """Refuse a folder under which Ray's socket paths would not fit, or that Ray cannot read.

    Raises
    ------
    ValueError
        The text says how long the folder may be, or which letters it may have.
    """
    allowed = SOCKET_PATH_BYTES - len(LONGEST_SOCKET_SUFFIX)
    length = len(os.fsencode(folder))
    if length > allowed:
        raise ValueError(
            f"temp_dir must have at most {allowed} bytes, because the path of a socket under it may have "
            f"{SOCKET_PATH_BYTES}; got {length}: {folder}. Choose a short folder, such as /tmp/ray-$USER"
        )
    if not str(folder).isascii():
        raise ValueError(
            f"temp_dir must be written in ASCII, since Ray reads no other letters in it; got {folder}. "
            "Choose a folder such as /tmp/ray-$USER"
        )


def make_temp_dir() -> Path:
    """New folder that its user alone can enter, below :func:`default_parent`."""
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=default_parent()))


def default_parent() -> Path:
    """The system's temporary folder, or /tmp where that is not fit for Ray."""
    return Path(tempfile.gettempdir()) if why_not_default() is None else FALLBACK


def why_not_default() -> str | None:
    """Why Ray's sockets cannot be in the system's temporary folder, None where they can."""
    parent = Path(tempfile.gettempdir())
    try:
        check_temp_dir(parent / f"{PREFIX}12345678")
    except ValueError as error:
        return f"TMPDIR is not used for Ray: {error}"
    return None
