"""Blocks of ports: no two holders, whoever starts when, and none of a block that somebody else uses."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import pytest

from cluster.node import ports
from cluster.node.ports import BLOCK_SIZE, PortBlock, lock_block

ROOT = Path(__file__).parents[3]
HOLDER = """
from cluster.node.ports import lock_block
with lock_block() as block:
    print(block.first, flush=True)
    input()
"""


def two_blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Leave room for two blocks alone, at a place that is free now."""
    with ExitStack() as stack:
        block = stack.enter_context(lock_block())
        other = stack.enter_context(lock_block())
    while other.first - block.first != BLOCK_SIZE:
        block, other = other, PortBlock(other.first + BLOCK_SIZE)
    monkeypatch.setattr(ports, "FIRST_PORT", block.first)
    monkeypatch.setattr(ports, "LAST_PORT", block.first + 2 * BLOCK_SIZE - 1)
    return [block.first, other.first]


def test_holders_at_the_same_time_have_different_blocks() -> None:
    together = Barrier(16)

    def hold(_: int) -> int:
        together.wait()
        with lock_block() as block:
            together.wait()
            return block.first

    with ThreadPoolExecutor(16) as threads:
        firsts = sorted(threads.map(hold, range(16)))
    assert all(second - first >= BLOCK_SIZE for first, second in pairwise(firsts))


def test_services_have_ports_of_their_own_in_the_block() -> None:
    block = PortBlock(20000)
    services = [getattr(block, name) for name in dir(PortBlock) if isinstance(getattr(PortBlock, name, None), property)]
    assert len(services) == len(set(services)) == 9
    assert all(block.first < port < block.first + BLOCK_SIZE for port in services)


def test_a_block_with_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = two_blocks(monkeypatch)
    with socket.create_server(("127.0.0.1", first + 5)):
        for _ in range(4):
            with lock_block() as block:
                assert block.first == second
        with (
            lock_block(),
            pytest.raises(RuntimeError, match=r"no 16 free ports in a row between .*: 2 blocks are all in use"),
            lock_block(),
        ):
            pytest.fail("more blocks than there are")


def test_a_killed_process_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        first = int(holder.stdout.readline())
        monkeypatch.setattr(ports, "FIRST_PORT", first)
        monkeypatch.setattr(ports, "LAST_PORT", first + BLOCK_SIZE - 1)
        with pytest.raises(RuntimeError, match="1 blocks are all in use"), lock_block():
            pytest.fail("two holders of one block")
        holder.kill()
    with lock_block() as block:
        assert block.first == first
