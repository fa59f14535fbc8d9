"""Ports for one Ray node: a block that is locked for as long as the node lives.

Blocks have fixed places between the range that servers commonly use and the one from which the kernel takes ports for
outgoing connections. The lock is a socket bound to the first port of the block: the kernel gives it to one process of
the machine alone, whoever owns it, whatever their private ``/tmp`` is, and takes it back when that process dies. Only
Ray's services need ports that are known beforehand; its workers bind ports that the kernel chooses, which never
collide.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

FIRST_PORT, LAST_PORT = 20000, 32767
BLOCK_SIZE = 16


@dataclass(frozen=True)
class PortBlock:
    """Ports of one Ray node, ``first`` being the lock.

    Attributes
    ----------
    first
        Lowest port of the block.
    """

    first: int

    @property
    def head(self) -> int:
        """Of the head's control service (GCS): the port in a cluster's address."""
        return self.first + 1

    @property
    def node_manager(self) -> int:
        """Of the raylet."""
        return self.first + 2

    @property
    def object_manager(self) -> int:
        """Of the object store."""
        return self.first + 3

    @property
    def dashboard(self) -> int:
        """Of the dashboard, and of the job API."""
        return self.first + 4

    @property
    def agent_http(self) -> int:
        """Of the node's agent, for the dashboard."""
        return self.first + 5

    @property
    def agent_grpc(self) -> int:
        """Of the node's agent, for metrics of workers."""
        return self.first + 6

    @property
    def runtime_env_agent(self) -> int:
        """Of the agent that prepares runtime environments."""
        return self.first + 7

    @property
    def metrics(self) -> int:
        """Where Prometheus may read the node's metrics."""
        return self.first + 8

    @property
    def dashboard_metrics(self) -> int:
        """Where Prometheus may read the dashboard's own metrics."""
        return self.first + 9


@contextmanager
def lock_block() -> Iterator[PortBlock]:
    """Lock a block whose ports are all free, for a ``with`` block.

    Raises
    ------
    RuntimeError
        Every block of this machine is in use.
    """
    blocks = [PortBlock(first) for first in range(FIRST_PORT, LAST_PORT - BLOCK_SIZE + 2, BLOCK_SIZE)]
    # Where two start at the same moment, different orders spare them most of each other's blocks.
    random.shuffle(blocks)
    for block in blocks:
        lock = _bind(block.first)
        if lock is None:
            continue
        with closing(lock):
            if all(_is_free(port) for port in range(block.first + 1, block.first + BLOCK_SIZE)):
                yield block
                return
    raise RuntimeError(
        f"no {BLOCK_SIZE} free ports in a row between {FIRST_PORT} and {LAST_PORT}: {len(blocks)} blocks are all in use"
    )


def _bind(port: int) -> socket.socket | None:
    """A socket that keeps everybody else from the port, None if somebody has it. It does not listen."""
    # Without SO_REUSEADDR: a port that another process shares or has only just left counts as taken.
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        candidate.bind(("", port))
    except OSError:
        candidate.close()
        return None
    return candidate


def _is_free(port: int) -> bool:
    bound = _bind(port)
    if bound is None:
        return False
    bound.close()
    return True
