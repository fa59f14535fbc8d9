"""Images a second against the size of the batch, on a GPU or on the CPU.

    python benchmarks/rcwa_batch.py [--device cuda] [--orders 7] [--batches 1 4 16 64] [--accuracy 1e-6] [--json]

On a GPU the transfer method solves whole batches. On the CPU the ways to use its cores are compared: ``solve`` on one
thread, on a thread of every core, and in a process on every core, and the transfer method on the whole batch at once.
The first batch of each is not timed; of several repeats the median counts. Circular truncation.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

import numpy as np
import torch
from problems import PROBLEMS, random_images
from rich.console import Console
from rich.table import Table

from photonics.rcwa import Numerics, solve
from photonics.rcwa.threads import one_blas_thread
from photonics.rcwa.transfer.solver import TransferSolver
from photonics.stack import Incidence, Stack

Way = Callable[[np.ndarray], object]
Row = dict[str, str | int | float]


def solve_part(stack: Stack, images: np.ndarray, numerics: Numerics) -> np.ndarray:
    """Absorbed fractions of some images, in a thread or a process that has one core."""
    torch.set_num_threads(1)
    return solve(stack, images, numerics).absorption


def process_of_a_worker(seconds: float) -> int:
    """Number of the process, after a while in which others have to take the other tasks."""
    time.sleep(seconds)
    return os.getpid()


def ways_on_cpu(stack: Stack, numerics: Numerics, stay: ExitStack) -> Iterator[tuple[str, Way]]:
    """Every way to solve a batch here; pools live as long as ``stay``."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    transfer = TransferSolver(stack, numerics, Incidence())
    pool = stay.enter_context(ProcessPoolExecutor(cores, get_context("spawn")))
    while len(set(pool.map(process_of_a_worker, [0.2] * cores))) < cores:
        pass  # the first worker that is up would do all the work

    def spread(pool: Executor) -> Way:
        def solve_parts(images: np.ndarray) -> list[np.ndarray]:
            parts = np.array_split(images, min(cores, len(images)))
            return list(pool.map(solve_part, [stack] * len(parts), parts, [numerics] * len(parts)))

        return solve_parts

    stay.enter_context(one_blas_thread())  # threads would set and restore the number under each other
    yield "one thread", lambda images: solve_part(stack, images, numerics)
    yield f"{cores} threads", spread(stay.enter_context(ThreadPoolExecutor(cores)))
    yield f"{cores} processes", spread(pool)
    yield "transfer, one batch", lambda images: transfer.powers_batch(images[:, None], chunk=len(images))


def ways_on_gpu(stack: Stack, numerics: Numerics, device: str) -> Iterator[tuple[str, Way]]:
    """The transfer method on whole batches."""
    transfer = TransferSolver(stack, numerics, Incidence(), device=device)
    yield "transfer, one batch", lambda images: transfer.powers_batch(images[:, None], chunk=len(images))


def measure(ways: list[tuple[str, Way]], batches: list[int], repeats: int) -> list[Row]:
    """One row for every way and batch size: images a second."""
    images = random_images(max(batches))
    rows: list[Row] = []
    for name, way in ways:
        for size in batches:
            batch, times = images[:size], []
            for _ in range(repeats + 1):
                started = time.perf_counter()
                way(batch)
                times.append(time.perf_counter() - started)
            rows.append({"way": name, "batch": size, "images_per_second": size / statistics.median(times[1:])})
            print(f"{name}, {size}: {rows[-1]['images_per_second']:.1f} images/s", file=sys.stderr, flush=True)
    return rows


def device_name(device: str) -> str:
    """What the figures were measured on."""
    return torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()} CPU, {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU where there is one"
    )
    parser.add_argument("--problem", choices=sorted(PROBLEMS), default="S", help="D deep, S shallow")
    parser.add_argument("--orders", type=int, default=7, help="orders M of the circular truncation")
    parser.add_argument("--accuracy", type=float, default=1e-6, help="wanted error of the absorbed fraction")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32], help="sizes of the batch")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    stack = PROBLEMS[arguments.problem]()
    numerics = Numerics(arguments.orders, accuracy=arguments.accuracy)
    with ExitStack() as stay:
        ways = list(ways_on_cpu(stack, numerics, stay) if device == "cpu" else ways_on_gpu(stack, numerics, device))
        rows = measure(ways, sorted(arguments.batches), arguments.repeats)
    if arguments.json:
        print(json.dumps({"device": device_name(device), **vars(arguments), "rows": rows}, indent=2))
        return
    table = Table(title=f"{device_name(device)}, problem {arguments.problem}, M = {arguments.orders}: images a second")
    names = list(dict.fromkeys(str(row["way"]) for row in rows))
    for heading in ("batch", *names):
        table.add_column(heading, justify="right")
    for size in sorted(arguments.batches):
        speeds = [f"{row['images_per_second']:.1f}" for row in rows if row["batch"] == size]
        table.add_row(str(size), *speeds)
    Console().print(table)


if __name__ == "__main__":
    main()
