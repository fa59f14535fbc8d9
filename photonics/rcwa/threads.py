"""How many threads linear algebra runs on: one, for small matrices are slower on more, and some come out wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")


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


def side_by_side(function: Callable[[int], Result], items: Sequence[int], threads: int) -> list[Result]:
    """``[function(item) for item in items]`` on so many threads, within which torch has one; inside ``one_thread``."""
    if threads == 1 or len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(threads, len(items)), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(function, items))


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    # Finding the libraries takes milliseconds, limiting those found takes microseconds.
    return ThreadpoolController()
