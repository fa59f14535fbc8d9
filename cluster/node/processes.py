"""Processes of this machine: those that a process began, found by parenthood and never by name, and nodes of Ray."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# Loaded here, since nothing may be between a fork and the new program.
_libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None

GCS_FLAG = "--gcs-address="
RAYLET = "raylet"


def adopt_orphans() -> None:
    """Become the parent of processes below this one whose own parent dies (Linux; nothing happens elsewhere)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Get SIGTERM when the thread that began this process ends (Linux; nothing happens elsewhere)."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def descendants(root: int) -> list[int]:
    """Process ids below ``root``; empty if it is not there."""
    try:
        return [process.pid for process in psutil.Process(root).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_descendants(timeout_s: float = 5.0) -> list[int]:
    """Kill all processes below this one, and wait for their ends; returns those that are still there."""
    rounds = 5  # those that were begun meanwhile, and those whose parent died, are found in the next one
    for _ in range(rounds):
        if not (found := psutil.Process().children(recursive=True)):
            break
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout_s / rounds)
    return descendants(os.getpid())


def has_node_of(address: str) -> bool:
    """Whether a node of the cluster whose head is at ``host:port`` runs here."""
    host, port = _resolved(address)
    # A head on this machine may be known to its nodes by another address than the loopback one.
    return any(found[1] == port and (found[0] == host or host.startswith("127.")) for found in map(_resolved, _heads()))


def _heads() -> Iterator[str]:
    """Heads that raylets of this machine were told, by their command lines."""
    for process in psutil.process_iter(["cmdline"]):  # None where it is hidden
        program, *arguments = process.info["cmdline"] or [""]
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


def _prctl(option: int, value: int) -> None:
    if _libc is not None:
        _libc.prctl(option, value, 0, 0, 0)
