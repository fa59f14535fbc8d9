"""A guard against wrong complex LU factorisations in multithreaded torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block with one torch thread on the CPU, then restore the number that was set.

    Batched complex LU of torch 2.13's CPU build picks wrong pivots with two threads or more. The solvers factorise
    single matrices in this block. Callers that run one solver a process set one thread for the whole process.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
