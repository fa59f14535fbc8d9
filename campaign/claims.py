"""Folders with one owner at a time, on one machine or on a file system that several share; no locks of the kernel.

A folder that nobody works in has its plain name; its owner renames it to a name with a token of the owner's own, which
only one of several can do. Inside lies the owner's file, whose time is its heartbeat. A dead owner's folder is taken
over by renaming it once more, and that is the fence as well: should the owner live after all, or workers of it, then
the paths that they know are gone, and nothing that they write can reach the new owner's folder.
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

from campaign.owner import BEAT_SECONDS, Life, Owner, Watch, beat

OWNER_FILE = "owner.json"
POLL_SECONDS = 0.5


class ClaimLost(Exception):  # noqa: N818  (reads as what happened)
    """Another process took this one for dead and went on with its folder."""


class Busy(Exception):  # noqa: N818
    """Somebody else works in the folder; ``owner`` says who, as far as is known, ``life`` how sure it is."""

    def __init__(self, owner: Owner | None, life: Life) -> None:
        super().__init__(f"{owner or 'another process'} works here")
        self.owner = owner
        self.life = life


class Claim:
    """A folder that is this process's own until it is released or finished; a thread keeps its heart beating."""

    def __init__(self, base: Path, owner: Owner) -> None:
        self.folder = _owned(base, owner.token)
        self._base = base
        self._owner = owner
        self._over = threading.Event()
        self._lost = False
        self._heart = threading.Thread(target=self._beat, name=f"heart of {base.name}", daemon=True)
        self._heart.start()

    @property
    def is_lost(self) -> bool:
        """Whether another owner has taken the folder over."""
        return self._lost or (not self._over.is_set() and Owner.read(self.folder / OWNER_FILE) != self._owner)

    def raise_if_lost(self) -> None:
        """Raise ``ClaimLost`` when the last heartbeat found the folder taken."""
        if self._lost:
            raise ClaimLost(f"{self.folder}: another process has taken this over")

    def finish(self, target: Path) -> None:
        """Give the folder its final name.

        Raises:
            ClaimLost: the folder is another's, so that what lies at its old name is not to be trusted.
        """
        if self.is_lost:
            raise ClaimLost(f"{self.folder}: another process has taken this over")
        self._stop_heart()
        try:
            self.folder.rename(target)
        except OSError:
            self._lost = target.exists() or not self.folder.exists()  # the new owner was quicker
            if self._lost:
                raise ClaimLost(f"{self.folder}: another process has finished this") from None
            raise
        _forget_owners(target)
        for remains in self._base.parent.glob(f"{self._base.name}-*"):  # of owners that were taken for dead
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
                with suppress(FileNotFoundError):  # somebody has just taken it
                    _keep_the_fuller(self._base, self.folder)
            self.folder.rename(self._base)
            _forget_owners(self._base)
        # This process may live for long: what could not be left to others must not look as if it were worked in.
        with suppress(OSError):
            (self.folder / OWNER_FILE).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the folder."""
        self._stop_heart()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _stop_heart(self) -> None:
        self._over.set()
        self._heart.join()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            try:
                beat(self.folder / OWNER_FILE)
            except FileNotFoundError:
                self._lost = True
                return
            except OSError:
                continue  # the file system is out of order; whoever waits is as patient as DEAD_AFTER_SECONDS


@contextmanager
def claimed(base: Path, while_waiting: Callable[[Busy], None]) -> Iterator[Claim]:
    """Own the folder ``base``, which is made if need be, until the block ends; waits for another owner to end.

    Args:
        base: its plain name; its parent is there.
        while_waiting: called now and then with what keeps it waiting; what it raises ends the wait.
    """
    watch = Watch()
    while True:
        try:
            claim = _attempt(base, watch)
        except Busy as busy:
            while_waiting(busy)
            time.sleep(POLL_SECONDS * random.uniform(0.5, 1.0))
        else:
            break
    try:
        yield claim
    finally:
        claim.release()


def claimed_at_once(base: Path) -> AbstractContextManager[Claim]:
    """Own the folder ``base`` until the block ends, or raise ``Busy`` as soon as its owner is known to be alive."""

    def give_up(busy: Busy) -> None:
        if busy.life is Life.ALIVE:
            raise busy

    return claimed(base, give_up)


def unfinished(base: Path) -> Path | None:
    """Where the unfinished work of ``base`` lies at the moment, whoever's it is; None if there is none."""
    found = _claims(base)
    return found[0] if found else base if base.is_dir() else None


def _attempt(base: Path, watch: Watch) -> Claim:
    """Take the folder if nobody alive has it; raises Busy."""
    present = _claims(base)
    _refuse_if_alive(present, watch)
    owner = Owner.here(uuid.uuid4().hex[:12])
    mine = _owned(base, owner.token)
    is_new = not present and not base.is_dir()
    try:
        if is_new:
            _make(mine, owner)
        else:
            _rename(present[0] if present else base, mine, owner)
    except FileNotFoundError:  # another was quicker
        raise Busy(None, Life.UNKNOWN) from None
    claim = Claim(base, owner)
    try:
        # Somebody may have made a folder, or come back to one, since we looked: then both see it now, and withdraw.
        # One that is released meanwhile goes from a claim's name to the plain one, hence the second look.
        for _ in range(2):
            _refuse_if_alive([folder for folder in _claims(base) if folder != mine], watch)
            if is_new and base.is_dir():
                raise Busy(None, Life.UNKNOWN)
    except Busy:
        claim.discard() if is_new else claim.release()
        raise
    return claim


def _refuse_if_alive(claims: list[Path], watch: Watch) -> None:
    for folder in claims:
        life = watch.look(folder / OWNER_FILE, folder.name.rpartition("-")[2])
        if life is not Life.DEAD:
            raise Busy(Owner.read(folder / OWNER_FILE), life)


def _make(mine: Path, owner: Owner) -> None:
    """A new folder that appears together with its owner's file."""
    staging = mine.with_name(f".{mine.name}")
    staging.mkdir()
    owner.write(staging / OWNER_FILE)
    staging.rename(mine)


def _rename(present: Path, mine: Path, owner: Owner) -> None:
    """Take over a folder that is there; at no moment it is without some owner's file, as mere remains are."""
    if not (present / OWNER_FILE).is_file():
        owner.write(present / OWNER_FILE)
    present.rename(mine)
    owner.write(mine / OWNER_FILE)


def _keep_the_fuller(base: Path, mine: Path) -> None:
    """Of two folders for the same work, as two who began at the same moment may have made, leave one: at ``mine``."""
    aside = base.with_name(f".{mine.name}")
    base.rename(aside)
    if _entries(aside) > _entries(mine):
        shutil.rmtree(mine)
        aside.rename(mine)
    else:
        shutil.rmtree(aside)


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*"))


def _forget_owners(folder: Path) -> None:
    """Remove the owner's file, and what is left of those whom it was taken from while they wrote theirs."""
    for path in (folder / OWNER_FILE, *folder.glob(f".{Path(OWNER_FILE).stem}-*.partial.json")):
        path.unlink(missing_ok=True)


def _claims(base: Path) -> list[Path]:
    """Folders of owners; one without an owner's file was made by workers of an owner that had lost the real one."""
    return sorted(path.parent for path in base.parent.glob(f"{base.name}-*/{OWNER_FILE}"))


def _owned(base: Path, token: str) -> Path:
    return base.with_name(f"{base.name}-{token}")
