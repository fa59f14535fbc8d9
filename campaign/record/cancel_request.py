"""How other processes, on any node, ask a driver to stop: a request file in the run's folder."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

REQUEST_FILE = "cancel.json"


@dataclass(frozen=True)
class CancelRequest:
    """Ask to stop: orderly, when simulations in flight have finished, or at once, when they are given up."""

    now: bool
    user: str
    host: str
    time: float

    @classmethod
    def by_me(cls, now: bool) -> CancelRequest:
        """A request of this user, from this host."""
        return cls(now, _user(), socket.gethostname(), time.time())

    def write(self, run_folder: Path) -> None:
        """Put the request where the driver looks; an orderly one never softens one that says now."""
        earlier = pending_request(run_folder)
        if earlier is not None and earlier.now:
            return
        temporary = run_folder / f".{REQUEST_FILE}.{os.getpid()}"
        temporary.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        temporary.replace(run_folder / REQUEST_FILE)


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
