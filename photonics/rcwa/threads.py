"""How many threads linear algebra runs on: one, for small matrices are slower on more, and some come out wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from threadpoolctl import ThreadpoolController


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


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run a block with one thread in the BLAS libraries of NumPy and SciPy, then restore the numbers that were set."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    # Finding the libraries takes milliseconds, limiting those found takes microseconds.
    return ThreadpoolController()
