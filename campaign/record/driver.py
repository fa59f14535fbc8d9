"""The process that drives a run: whether it lives, as every node sees it, and its ear for what others ask of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from campaign.cache.lease import Lease, leased_at_once, owner_files
from campaign.cache.owner import Owner

log = logging.getLogger(__name__)

OWNER_NAME = ".owner"  # of the folder below a run's that its driver leases
LOOK_SECONDS = 0.5
LEAVE_SECONDS = 5.0  # for a look to end; one at a cluster that is gone takes a minute

# Without a beat, where its process cannot be seen: a shared file system may show a file that is a minute old, and
# clocks differ a little. This is for telling only; whoever takes a run over waits and compares no clocks.
SILENCE_SECONDS = 150.0


def drive_alone(run_folder: Path) -> AbstractContextManager[Lease]:
    """Be the one driver of a run until the block ends; raises ``lease.LeaseBusyError`` when there is another."""
    return leased_at_once(run_folder / OWNER_NAME)


def has_driver(run_folder: Path) -> bool:
    """Whether somebody drives the run: told by its process here, and by its last heartbeat elsewhere."""
    return any(_is_alive(path) for path in owner_files(run_folder / OWNER_NAME))


def _is_alive(path: Path) -> bool:
    owner = Owner.read(path)
    if owner is None:
        return False
    if owner.is_here:
        return owner.has_process
    try:
        return time.time() - path.stat().st_mtime < SILENCE_SECONDS
    except FileNotFoundError:
        return False


@contextmanager
def looking_around(look: Callable[[], None]) -> Iterator[None]:
    """Call ``look`` twice a second, in a thread of its own, until the block ends."""
    over = threading.Event()

    def keep_looking() -> None:
        told = ""
        while not over.wait(LOOK_SECONDS):
            try:
                look()
            except Exception as error:  # of the file system or the cluster: the next time it may be in order again
                if repr(error) != told:
                    log.exception("could not look around")
                told = repr(error)

    thread = threading.Thread(target=keep_looking, name="lookout", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LEAVE_SECONDS)
