"""Ray nodes that run on this machine, whoever started them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

GCS_FLAG = "--gcs-address="
RAYLET = "raylet"


def has_node_of(address: str) -> bool:
    """Whether a node of the cluster whose head is at ``host:port`` runs here."""
    host, port = _resolved(address)
    # A head on this machine may be known to its nodes by another address than the loopback one.
    return any(found[1] == port and (found[0] == host or host.startswith("127.")) for found in map(_resolved, _heads()))


def _heads() -> Iterator[str]:
    """Heads that raylets of this machine were told, by their command lines."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is hidden
            program, *arguments = (folder / "cmdline").read_text(errors="replace").split("\0")
            if Path(program).name == RAYLET:
                yield from (text.removeprefix(GCS_FLAG) for text in arguments if text.startswith(GCS_FLAG))


def _resolved(address: str) -> tuple[str, str]:
    """Host, as a number where its name is known, and port."""
    host, _, port = address.rpartition(":")
    try:
        number = socket.gethostbyname(host)
    except OSError:
        number = host
    return number, port
