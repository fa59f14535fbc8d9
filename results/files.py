"""Files and folders that are whole or absent: written under a temporary name, flushed to disk, then renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Temporary path beside ``path`` that takes its name when the block ends well, and is removed when it does not.

    The temporary name keeps the suffix of ``path``, because writers such as matplotlib read the format from it.
    Raises FileNotFoundError if the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: its folder does not exist; create it first")
    temporary = path.with_name(f".{path.stem}-{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        sync_file(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Temporary path beside ``path`` for a folder that takes its name when the block ends well, else is removed.

    Raises FileExistsError if anything has that name by then.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}-{os.getpid()}.partial")
    try:
        yield temporary
        if path.exists():  # an empty folder would be replaced in silence
            raise FileExistsError(f"{path} exists already; name another, or remove it first")
        os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_atomically(path: Path | str, content: bytes | str) -> None:
    """Write ``content`` (text as UTF-8) so that readers see the old file or the new one, never a part."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path | str, value: Any) -> None:
    """``write_atomically`` a value as indented JSON."""
    write_atomically(path, json.dumps(value, indent=2) + "\n")


def sync_file(path: Path | str) -> None:
    """Ask the system to put the file's content on the disk (fsync): a rename alone does not survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
