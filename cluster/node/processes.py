"""Processes that a process began, and that they began: found by parenthood, never by name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# Loaded here, since nothing may be between a fork and the new program.
_libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
POLL_SECONDS = 0.05


def adopt_orphans() -> None:
    """Become the parent of processes below this one whose own parent dies (Linux; nothing happens elsewhere)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Get SIGTERM when the thread that began this process ends (Linux; nothing happens elsewhere)."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def descendants(root: int) -> list[int]:
    """Process ids below ``root``; empty where there is no ``/proc``."""
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            # The second field, the name in brackets, may hold anything; the fourth is the parent.
            parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            children[int(parent)].append(int(folder.name))
    found, todo = [], list(children[root])
    while todo:
        process = todo.pop()
        found.append(process)
        todo += children[process]
    return found


def kill_descendants(timeout_s: float = 5.0) -> list[int]:
    """Kill all processes below this one, and wait for their ends; returns those that are still there."""
    deadline = time.monotonic() + timeout_s
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        _reap()
        time.sleep(POLL_SECONDS)
    return left


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _prctl(option: int, value: int) -> None:
    if _libc is not None:
        _libc.prctl(option, value, 0, 0, 0)


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
