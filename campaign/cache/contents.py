"""What lies in a cache on the disk, which runs said that they use it, and taking away what none of them needs."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from campaign.cache.lease import LeaseBusyError, leased_at_once, owner_files
from campaign.cache.owner import Life, Watch

INPUTS = "inputs"  # copies of files that stages read, by content; everything else is a kind of stage
RUNS, PRUNING, PRUNED = ".runs", ".pruning", ".pruned-"
POLL_SECONDS = 0.1
YOUNG_SECONDS = 3600.0  # remains that are younger may be somebody's next folder


@dataclass(frozen=True)
class Entry:
    """One folder of a cache: a finished result, an unfinished one, a copy of inputs, or what a crash left."""

    path: Path
    kind: str

    @property
    def key(self) -> str:
        """Content address, of the result or of the input."""
        return self.path.name.lstrip(".").partition(".")[0]

    @property
    def is_finished(self) -> bool:
        """Whether it is a result, or a copy, as it is meant to be."""
        return "." not in self.path.name

    @property
    def is_remains(self) -> bool:
        """Whether nobody would look for it again, as for folders of owners that lost theirs."""
        return self.path.name.startswith(".") or ("-" in self.path.name and not self._owners)

    @property
    def _owners(self) -> list[Path]:
        return list(self.path.glob("owner-*.json"))

    @property
    def is_free(self) -> bool:
        """Whether nobody works in it, as far as can be told."""
        if self.is_remains and time.time() - self.path.stat().st_mtime < YOUNG_SECONDS:
            return False
        return all(Watch().look(owner) is Life.DEAD for owner in self._owners)


@dataclass(frozen=True)
class Usage:
    """Bytes on the disk, and files."""

    size: int = 0
    files: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.size + other.size, self.files + other.files)


def usage_of(folder: Path) -> Usage:
    """What a folder and all below it take; links count as what they are."""
    size = files = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # a stage at work moves its files
                size += os.lstat(os.path.join(parent, name)).st_blocks * 512
                files += 1
    return Usage(size, files)


def entries(root: Path) -> Iterator[Entry]:
    """All that lies in a cache, kind by kind."""
    for folder in sorted(root.glob("*")):
        if folder.is_dir() and not folder.name.startswith("."):
            yield from (Entry(path, folder.name) for path in sorted(folder.iterdir()) if path.is_dir())


def register(root: Path, run_folder: Path) -> None:
    """Let a cache know that a run uses it, wherever that run lies."""
    path = str(run_folder.absolute())
    link = root / RUNS / hashlib.sha256(path.encode()).hexdigest()[:16]
    link.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        link.symlink_to(path)


def registered(root: Path) -> list[Path]:
    """Folders of runs that said they use a cache, those that are no longer there included."""
    return [Path(os.readlink(link)) for link in sorted((root / RUNS).glob("*")) if link.is_symlink()]


def wait_while_pruned(root: Path, while_waiting: Callable[[], None]) -> None:
    """Return when nobody takes away from a cache: who has said what it needs then finds what is there, and keeps it.

    Whoever prunes looks at what runs need after it began; a run looks at the cache after it said what it needs and
    waited here. So one of the two sees the other.
    """
    watch = Watch()
    while any(watch.look(path) is not Life.DEAD for path in owner_files(root / PRUNING)):
        while_waiting()
        time.sleep(POLL_SECONDS)


def remove(root: Path, unneeded: Callable[[], Collection[Entry]]) -> list[Entry]:
    """Take away what ``unneeded`` names once no run can begin to need it unseen; what was taken.

    Raises
    ------
    campaign.cache.lease.LeaseBusyError
        Somebody else prunes this cache.
    """
    taken = []
    with leased_at_once(root / PRUNING) as lease:
        for left in root.glob(f"{PRUNED}*"):  # by one that was killed
            shutil.rmtree(left, ignore_errors=True)
        trash = root / f"{PRUNED}{uuid.uuid4().hex[:12]}"
        trash.mkdir()
        for number, entry in enumerate(unneeded()):
            if _take(entry, trash / str(number)):
                taken.append(entry)
        lease.discard()
    shutil.rmtree(trash, ignore_errors=True)
    return taken


def _take(entry: Entry, to: Path) -> bool:
    """Whether the entry went away whole, by a single change of its name."""
    try:
        if entry.is_finished or entry.is_remains:
            entry.path.rename(to)
        else:
            with leased_at_once(entry.path.with_name(f"{entry.key}.partial")) as lease:
                lease.discard()
    except (LeaseBusyError, FileNotFoundError):  # somebody began to work there, or ended
        return False
    return True
