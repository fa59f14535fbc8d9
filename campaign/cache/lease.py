"""Folders with one owner at a time, on one machine or on a file system that several share; no locks of the kernel.

A folder that nobody works in has its plain name; its owner renames it to a name with a token of the owner's own, which
only one of several can do. Inside lies the owner's file, whose time is its heartbeat and whose name has the token too:
all who would own a folder lay their files into it first, so that it has an owner from the moment of its new name. A
dead owner's folder is taken over by renaming it once more, and that is the fence as well: should the owner live after
all, or workers of it, then the paths that they know are gone, and nothing that they write can reach the new owner's
folder.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from campaign.cache.owner import BEAT_SECONDS, Life, Owner, Watch, beat

POLL_SECONDS = 0.5
_HELD: set[Lease] = set()  # by this process
OWNER_FILES = ("owner-*.json", ".owner-*.partial.json")  # an owner's, and those of whoever was not quick enough


class LeaseLostError(Exception):
    """Another process took this one for dead and went on with its folder."""


class LeaseBusyError(Exception):
    """Somebody else works in the folder; ``owner`` says who, as far as is known, ``life`` how sure it is."""

    def __init__(self, owner: Owner | None, life: Life) -> None:
        super().__init__(f"{owner or 'another process'} works here")
        self.owner = owner
        self.life = life


class Lease:
    """A folder that is this process's own until it is released or finished; a thread keeps its heart beating."""

    def __init__(self, base: Path, owner: Owner) -> None:
        self.folder = _owned(base, owner.token)
        self._base = base
        self._over = threading.Event()
        self._lost = False
        self._heart = threading.Thread(target=self._beat, name=f"heart of {base.name}", daemon=True)
        self._heart.start()
        _HELD.add(self)

    @property
    def is_lost(self) -> bool:
        """Whether another owner has taken the folder over."""
        return self._lost or (not self._over.is_set() and not owner_file(self.folder).exists())

    def raise_if_lost(self) -> None:
        """Raise ``LeaseLostError`` when the last heartbeat found the folder taken."""
        if self._lost:
            raise LeaseLostError(f"{self.folder}: another process has taken this over")

    def finish(self, target: Path, *, replace: bool = False) -> None:
        """Give the folder its final name; with ``replace`` in the place of what has that name until then.

        Raises
        ------
        LeaseLostError
            The folder is another's, so that what lies at its old name is not to be trusted.
        """
        if self.is_lost:
            raise LeaseLostError(f"{self.folder}: another process has taken this over")
        self._stop_heart()
        # Among the remains that go below. Killed between the two names, this folder is whole, and finished next time.
        before = self.folder.with_name(f".{self.folder.name}")
        if replace and target.exists():
            target.rename(before)
        try:
            self.folder.rename(target)
        except OSError:
            if before.exists() and not target.exists():
                before.rename(target)
            self._lost = target.exists() or not self.folder.exists()  # the new owner was quicker
            if self._lost:
                raise LeaseLostError(f"{self.folder}: another process has finished this") from None
            raise
        for pattern in OWNER_FILES:
            for path in target.glob(pattern):
                path.unlink(missing_ok=True)
        for pattern in (f"{self._base.name}-*", f".{self._base.name}-*"):  # of owners taken for dead, or dead at birth
            for remains in self._base.parent.glob(pattern):
                shutil.rmtree(remains, ignore_errors=True)

    def release(self) -> None:
        """Leave the folder to whoever comes next; nothing happens after ``finish``, or when it is lost."""
        if self._over.is_set():
            return
        is_lost = self.is_lost
        self._stop_heart()
        if is_lost:
            return
        with suppress(OSError):  # gone, or the disk refuses
            if self._base.is_dir():
                _drop_the_emptier(self._base, self.folder)
            self.folder.rename(self._base)
        # This process may live for long: wherever the folder is now, it must not look as if it were worked in.
        for folder in (self._base, self.folder):
            with suppress(OSError):
                (folder / owner_file(self.folder).name).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the folder."""
        self._stop_heart()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _stop_heart(self) -> None:
        self._over.set()
        self._heart.join()
        _HELD.discard(self)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            try:
                beat(owner_file(self.folder))
            except FileNotFoundError:
                self._lost = True
                return
            except OSError:
                continue  # the file system is out of order; whoever waits is as patient as DEAD_AFTER_SECONDS


@contextmanager
def leased(base: Path, while_waiting: Callable[[LeaseBusyError], None]) -> Iterator[Lease]:
    """Own the folder ``base``, which is made if need be, until the block ends; waits for another owner to end.

    Parameters
    ----------
    base
        Its plain name; its parent is there.
    while_waiting
        Called now and then with what keeps it waiting; what it raises ends the wait.
    """
    watch = Watch()
    while True:
        try:
            lease = _attempt(base, watch)
        except LeaseBusyError as busy:
            while_waiting(busy)
            time.sleep(POLL_SECONDS * random.uniform(0.5, 1.0))
        else:
            break
    try:
        yield lease
    finally:
        lease.release()


def leased_at_once(base: Path) -> AbstractContextManager[Lease]:
    """Own the folder ``base`` until the block ends; raise ``LeaseBusyError`` once its owner is known to live."""

    def give_up(busy: LeaseBusyError) -> None:
        if busy.life is Life.ALIVE:
            raise busy

    return leased(base, give_up)


def release_all() -> None:
    """Leave all folders of this process to whoever comes next, whatever its threads are still at."""
    for lease in list(_HELD):
        lease.release()


def owner_files(base: Path) -> list[Path]:
    """Files of those who own ``base``, at most one but for a moment.

    A folder without its owner's file was made by workers of an owner that had lost the real one.
    """
    return sorted(file for folder in base.parent.glob(f"{base.name}-*") if (file := owner_file(folder)).is_file())


def owner_file(folder: Path) -> Path:
    """File of the owner of a folder with an owner's name."""
    return folder / f"owner-{folder.name.rpartition('-')[2]}.json"


def unfinished(base: Path) -> Path | None:
    """Where the unfinished work of ``base`` lies at the moment, whoever's it is; None if there is none."""
    found = owner_files(base)
    return found[0].parent if found else base if base.is_dir() else None


def _attempt(base: Path, watch: Watch) -> Lease:
    """Take the folder if nobody alive has it; raises LeaseBusyError."""
    present = owner_files(base)
    _refuse_if_alive(present, watch)
    owner = Owner.here(uuid.uuid4().hex[:12])
    mine = _owned(base, owner.token)
    is_new = not present and not base.is_dir()
    try:
        if is_new:
            _make(mine, owner)
        else:
            _take(present[0].parent if present else base, mine, owner)
    except FileNotFoundError:  # another was quicker
        raise LeaseBusyError(None, Life.UNKNOWN) from None
    lease = Lease(base, owner)
    try:
        # Somebody may have made a folder, or come back to one, since we looked: then both see it now, and withdraw.
        # One that is released meanwhile goes from an owner's name to the plain one, hence the second look.
        for _ in range(2):
            _refuse_if_alive([file for file in owner_files(base) if file.parent != mine], watch)
            if is_new and base.is_dir():
                raise LeaseBusyError(None, Life.UNKNOWN)
    except LeaseBusyError:
        lease.discard() if is_new else lease.release()
        raise
    return lease


def _refuse_if_alive(files: list[Path], watch: Watch) -> None:
    for file in files:
        life = watch.look(file)
        if life is not Life.DEAD:
            raise LeaseBusyError(Owner.read(file), life)


def _make(mine: Path, owner: Owner) -> None:
    """A new folder that appears together with its owner's file."""
    staging = mine.with_name(f".{mine.name}")
    staging.mkdir()
    owner.write(staging / owner_file(mine).name)
    staging.rename(mine)


def _take(present: Path, mine: Path, owner: Owner) -> None:
    """Own a folder that is there."""
    owner.write(present / owner_file(mine).name)
    present.rename(mine)
    if not owner_file(mine).exists():  # another folder came to have that name in between
        owner.write(owner_file(mine))
    (mine / owner_file(present).name).unlink(missing_ok=True)  # of the dead


def _drop_the_emptier(base: Path, mine: Path) -> None:
    """Of two folders for the same work, as two who began at the same moment may have made, leave one."""
    if _entries(base) >= _entries(mine):
        shutil.rmtree(mine)
    else:
        aside = base.with_name(f".{mine.name}")
        with suppress(FileNotFoundError):  # somebody has just taken it
            base.rename(aside)
            shutil.rmtree(aside)


def _entries(folder: Path) -> int:
    return sum(not any(path.match(pattern) for pattern in OWNER_FILES) for path in folder.rglob("*"))


def _owned(base: Path, token: str) -> Path:
    return base.with_name(f"{base.name}-{token}")
