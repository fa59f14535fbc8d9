"""The process that drives a run: its lease of the run, whether it was seen of late, and what it does now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from campaign.cache.lease import Lease, LeaseBusyError, leased, owner_files
from campaign.cache.owner import Life, Owner, count_as_dead
from campaign.record.events import read_events

log = logging.getLogger(__name__)

OWNER_NAME = ".owner"  # of the folder below a run's that its driver leases
PAUSE_SECONDS = 0.5
LEAVE_SECONDS = 1.0  # for a call to end; one at a cluster that is gone takes a minute

# Without a heartbeat, where its process cannot be seen: a shared file system may show a file that is a minute old, and
# clocks differ a little. This is for people only; whoever takes a run over waits and compares no clocks.
SILENCE_SECONDS = 150.0


def drive_alone(run_folder: Path, while_waiting: Callable[[], None] = lambda: None) -> AbstractContextManager[Lease]:
    """Be the one driver of a run until the block ends.

    Parameters
    ----------
    run_folder
        The run.
    while_waiting
        Called now and then while it is not known whether an earlier driver lives; what it raises ends the wait.

    Raises
    ------
    campaign.cache.lease.LeaseBusyError
        Another driver lives.
    """

    def give_up(busy: LeaseBusyError) -> None:
        while_waiting()
        if busy.life is Life.ALIVE:
            raise busy

    return leased(run_folder / OWNER_NAME, give_up)


def driver_facts() -> dict[str, Any]:
    """What ``run-started`` says of this process."""
    facts = asdict(Owner.here(""))
    del facts["token"]
    return facts


def count_earlier_driver_as_dead(run_folder: Path) -> None:
    """Wait for no heartbeats of a driver that was killed, on folders of stages that it was at.

    For whoever has the run's lease: a driver that left without its last event, and the lease with it, has ended.
    """
    ends = [event for event in read_events(run_folder) if event["event"] in {"run-started", "run-ended"}]
    if ends and ends[-1]["event"] == "run-started":
        count_as_dead(Owner(token="", **{name: ends[-1][name] for name in driver_facts()}))


def count_driver_as_dead(run_folder: Path) -> None:
    """Wait for no heartbeats of the present driver: the queue has no job that it could be part of."""
    for path in owner_files(run_folder / OWNER_NAME):
        if (owner := Owner.read(path)) is not None:
            count_as_dead(owner)


def has_driver(run_folder: Path) -> bool:
    """Whether somebody was seen to drive the run: by its process here, and by its last heartbeat elsewhere."""
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
def repeating(act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` twice a second, in a thread of its own, until the block ends."""
    over = threading.Event()

    def repeat() -> None:
        last = ""
        while not over.wait(PAUSE_SECONDS):
            try:
                act()
            except Exception as error:  # of the file system or the cluster: the next time it may be in order again
                if repr(error) != last:
                    log.exception("what the driver does now and then failed")
                last = repr(error)

    thread = threading.Thread(target=repeat, name="now and then", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LEAVE_SECONDS)
