"""Whether a stage's files are what it wrote; stores have checksums of their own, chunk by chunk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from campaign.cache.stage_cache import RECORD_FILE, StageCache

FILES_FACT = "files"  # of a stage's record: checksums by path
DIGEST_BYTES = 16


class DamagedResultError(ValueError):
    """Files of a finished stage are not what it wrote; the text says which, and what to do."""


def checksums(folder: Path) -> dict[str, str]:
    """BLAKE2b of every file of a stage's folder by its path there, but for stores and what the cache writes itself."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    inside = [path.relative_to(folder) for path in paths]
    return {
        str(path): _digest(folder / path)
        for path in sorted(inside)
        if not any(part.endswith(".zarr") for part in path.parts) and not _is_of_the_cache(path)
    }


def damaged_files(folder: Path, written: Mapping[str, str]) -> list[str]:
    """Paths of those that are gone or differ."""
    return [path for path, digest in written.items() if _digest_if_there(folder / path) != digest]


def check_files(cache: StageCache, kind: str, key: str) -> None:
    """Raise ``DamagedResultError`` unless a finished stage's files are what it wrote."""
    folder = cache.folder(kind, key)
    if damaged := damaged_files(folder, cache.record(kind, key).facts.get(FILES_FACT, {})):
        raise DamagedResultError(
            f"{', '.join(damaged)} in {folder}: not what was written there; `campaign resume` computes the stage again"
        )


def _is_of_the_cache(path: Path) -> bool:
    return path.name == RECORD_FILE or path.match("owner-*.json") or path.match(".owner-*")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).hexdigest()


def _digest_if_there(path: Path) -> str:
    try:
        return _digest(path)
    except FileNotFoundError:
        return ""
