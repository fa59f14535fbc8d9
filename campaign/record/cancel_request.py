"""A request to stop a run, left in its folder for the driver by any process on any node."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from results.files import write_json

REQUEST_FILE = "cancel.json"


@dataclass(frozen=True)
class CancelRequest:
    """To stop in order, when simulations in flight have finished, or now, when they are given up."""

    now: bool
    user: str
    host: str
    time: float

    @classmethod
    def by_me(cls, now: bool) -> CancelRequest:
        """A request of this user, from this host."""
        return cls(now, _user(), socket.gethostname(), time.time())

    def write(self, run_folder: Path) -> None:
        """Put the request where the driver looks; it never softens one that says now."""
        earlier = pending_request(run_folder)
        if earlier is not None and earlier.now:
            return
        write_json(run_folder / REQUEST_FILE, asdict(self))


def pending_request(run_folder: Path) -> CancelRequest | None:
    """The request that stands, if any."""
    try:
        return CancelRequest(**json.loads((run_folder / REQUEST_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def clear_request(run_folder: Path) -> None:
    """Take the request away: for whoever sends a run on its way again."""
    (run_folder / REQUEST_FILE).unlink(missing_ok=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in containers
        return str(os.getuid())
