"""Images a second against the size of the batch, on a GPU or on the CPU.

    python benchmarks/rcwa_batch.py [--device cuda] [--orders 3 4 5 6] [--batches 1 4 16 64] [--accuracy 1e-3] [--json]

On a GPU the transfer method solves whole batches. On the CPU the ways to solve a batch are compared: ``solve`` on one
thread, beside it image by image, as a caller without batches asks, and the transfer method on the whole batch at once;
and ``solve`` on a thread of every core and in a process on every core. The last two columns are images a second of
``solve`` on one thread over those of the two ways beside it. The first batch of each is not timed; of several repeats,
taken in turns, the median counts. Circular truncation.
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
from problems import BATCH_PROBLEMS, random_images
from rich.console import Console
from rich.table import Table

from photonics.rcwa import Numerics, solve
from photonics.rcwa.threads import one_blas_thread
from photonics.rcwa.transfer.solver import TransferSolver
from photonics.stack import Incidence, Stack

ONE_THREAD, ONE_BY_ONE, TRANSFER = "one thread", "one by one", "transfer"
Way = Callable[[np.ndarray], object]
Row = dict[str, str | int | float]


def solve_part(stack: Stack, images: np.ndarray, numerics: Numerics) -> np.ndarray:
    """Absorbed fractions of some images, in a thread or a process that has one core."""
    torch.set_num_threads(1)
    return solve(stack, images, numerics).absorption


def solve_one_by_one(stack: Stack, images: np.ndarray, numerics: Numerics) -> list[np.ndarray]:
    """Absorbed fractions of images that come one at a time."""
    return [solve_part(stack, image[None], numerics) for image in images]


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
    yield ONE_THREAD, lambda images: solve_part(stack, images, numerics)
    yield ONE_BY_ONE, lambda images: solve_one_by_one(stack, images, numerics)
    yield TRANSFER, lambda images: transfer.powers_batch(images[:, None])
    yield f"{cores} threads", spread(stay.enter_context(ThreadPoolExecutor(cores)))
    yield f"{cores} processes", spread(pool)


def ways_on_gpu(stack: Stack, numerics: Numerics, device: str) -> Iterator[tuple[str, Way]]:
    """The transfer method on whole batches."""
    transfer = TransferSolver(stack, numerics, Incidence(), device=device)
    yield TRANSFER, lambda images: transfer.powers_batch(images[:, None], chunk=len(images))


def measure(ways: list[tuple[str, Way]], orders: int, batches: list[int], repeats: int) -> list[Row]:
    """One row for every batch size and way: images a second."""
    images = random_images(max(batches))
    rows: list[Row] = []
    for size in batches:
        times: dict[str, list[float]] = {name: [] for name, _ in ways}
        for _ in range(repeats + 1):
            for name, way in ways:
                started = time.perf_counter()
                way(images[:size])
                times[name].append(time.perf_counter() - started)
        rates = {name: size / statistics.median(seconds[1:]) for name, seconds in times.items()}
        rows += [{"orders": orders, "way": name, "batch": size, "images_per_second": rates[name]} for name in rates]
        print(f"{orders} orders, {size} images: {rates}", file=sys.stderr, flush=True)
    return rows


def print_table(title: str, rows: list[Row]) -> None:
    """A line for every number of orders and batch size, with the ratios where they can be had."""
    names = list(dict.fromkeys(str(row["way"]) for row in rows))
    ratios = [name for name in (ONE_BY_ONE, TRANSFER) if ONE_THREAD in names and name in names]
    table = Table(title=title)
    for heading in ("orders", "batch", *names, *(f"over {name}" for name in ratios)):
        table.add_column(heading, justify="right")
    for orders, size in dict.fromkeys((row["orders"], row["batch"]) for row in rows):
        rates = {
            str(row["way"]): float(row["images_per_second"])
            for row in rows
            if (row["orders"], row["batch"]) == (orders, size)
        }
        cells = [f"{rates[name]:.1f}" for name in names] + [f"{rates[ONE_THREAD] / rates[name]:.2f}" for name in ratios]
        table.add_row(str(orders), str(size), *cells)
    Console().print(table)


def device_name(device: str) -> str:
    """What the figures were measured on."""
    return torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()} CPU, {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU where there is one"
    )
    parser.add_argument("--problem", choices=sorted(BATCH_PROBLEMS), default="S", help="D deep, S shallow, P pillars")
    parser.add_argument("--orders", type=int, nargs="+", default=[7], help="orders M of the circular truncation")
    parser.add_argument("--accuracy", type=float, default=1e-6, help="wanted error of the absorbed fraction")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32], help="sizes of the batch")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    stack, rows = BATCH_PROBLEMS[arguments.problem](), []
    for orders in arguments.orders:
        numerics = Numerics(orders, accuracy=arguments.accuracy)
        with ExitStack() as stay:
            ways = list(ways_on_cpu(stack, numerics, stay) if device == "cpu" else ways_on_gpu(stack, numerics, device))
            rows += measure(ways, orders, sorted(arguments.batches), arguments.repeats)
    if arguments.json:
        print(json.dumps({"device": device_name(device), **vars(arguments), "rows": rows}, indent=2))
        return
    name = f"{device_name(device)}, problem {arguments.problem}, accuracy {arguments.accuracy:g}: images a second"
    print_table(name, rows)


if __name__ == "__main__":
    main()
