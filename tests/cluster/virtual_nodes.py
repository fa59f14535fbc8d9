"""Machines that are namespaces of this one: own network, host name and processes, the files of all.

For root on Linux. Nothing of their network reaches the real one, and names and addresses are this process's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

NEEDED = ("ip", "nsenter", "unshare")
NODE_PROGRAM = 'hostname "$1"; shift; exec "$@"'


def why_not() -> str | None:
    """Why this machine cannot have virtual nodes, None if it can."""
    if os.geteuid() != 0:
        return "virtual nodes need root"
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        return f"virtual nodes need {', '.join(missing)} (Debian: iproute2, util-linux)"
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "--mount-proc", "true"], capture_output=True)
    return None if tried.returncode == 0 else "this machine lets nobody make namespaces"


class VirtualNodes:
    """A network of nodes; what runs on one is a child of this process."""

    def __init__(self, count: int) -> None:
        """Describe nodes 1 to ``count``."""
        self._name = f"vn{os.getpid()}"
        self._numbers = range(1, count + 1)

    def address(self, node: int) -> str:
        """Address by which the other nodes reach it."""
        return f"10.83.0.{10 + node}"

    def run(self, node: int, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Run a command on the node; ``kill()`` cuts the power of all that it has begun."""
        namespaces = ["--fork", "--pid", "--mount-proc", "--uts", "--ipc", "--kill-child=KILL"]
        there = ["nsenter", f"--net=/run/netns/{self._name}-{node}", "unshare", *namespaces]
        program = ["sh", "-c", NODE_PROGRAM, "node", f"{self._name}-{node}", *command]
        return subprocess.Popen([*there, *program], text=True, **options)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """The network, for a ``with`` block."""
        lan = f"{self._name}-lan"
        made: list[str] = []
        try:
            for name in (lan, *(f"{self._name}-{node}" for node in self._numbers)):
                _ip("netns", "add", name)
                made.append(name)
                _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", lan, "link", "add", "bridge", "type", "bridge")
            _ip("-n", lan, "link", "set", "bridge", "up")
            for node in self._numbers:
                there = f"{self._name}-{node}"
                _ip("-n", lan, "link", "add", f"to{node}", "type", "veth", "peer", "name", "eth0", "netns", there)
                _ip("-n", lan, "link", "set", f"to{node}", "master", "bridge", "up")
                _ip("-n", there, "address", "add", f"{self.address(node)}/24", "dev", "eth0")
                _ip("-n", there, "link", "set", "eth0", "up")
            yield
        finally:
            for name in made:
                _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
