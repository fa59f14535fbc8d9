"""How the nodes of one Ray cluster find its head: a file in a folder that all of them see."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.node.files import write_whole

HEAD_FILE = "head.json"
POLL_SECONDS = 0.2
CONNECT_SECONDS = 2.0


@dataclass(frozen=True)
class Head:
    """A running head.

    Attributes
    ----------
    address
        ``host:port`` by which Ray's nodes and drivers reach it.
    dashboard
        ``host:port`` of the dashboard, or None where there is none.
    token_file
        File with the token that everything of this cluster asks for.
    host
        Name of its machine.
    keeper
        Process on that machine that ends the node when it is told so by SIGTERM.
    """

    address: str
    dashboard: str | None
    token_file: str
    host: str
    keeper: int


def announce(folder: Path, head: Head) -> None:
    """Tell the others, in place of an earlier head."""
    write_whole(folder / HEAD_FILE, json.dumps(asdict(head), indent=2) + "\n")


def withdraw(folder: Path, head: Head) -> None:
    """Take the announcement back, unless another head has announced itself since."""
    if read_head(folder) == head:
        (folder / HEAD_FILE).unlink(missing_ok=True)


def read_head(folder: Path) -> Head | None:
    """The head that is announced in this folder, None if there is none."""
    try:
        return Head(**json.loads((folder / HEAD_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def wait_for_head(folder: Path, timeout_s: float, give_up: Callable[[], bool] = lambda: False) -> Head:
    """Wait until a head is announced and answers; one that died with its announcement left is passed over.

    Raises
    ------
    TimeoutError
        None did in time, or ``give_up()`` became true.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and not give_up():
        head = read_head(folder)
        if head is not None and answers(head.address):
            return head
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"no head of a Ray cluster announced itself in {folder} and answered within {timeout_s:g} s")


def answers(address: str) -> bool:
    """Whether something listens at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
