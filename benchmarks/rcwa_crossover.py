"""Where the transfer method is quicker than the preconditioned solver: what ``solver: auto`` decides by.

    python benchmarks/rcwa_crossover.py [--orders 4 5 6] [--scales 0.3 0.5 1 1.5] [--json]

Seconds of the preconditioned solver over those of the transfer method, for the deep problem D with its etch depth
scaled, circular truncation, one thread. Above 1 the transfer method is quicker. The least of several interleaved
repeats counts. A star marks what ``auto`` gives to the transfer method.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from problems import PROBLEMS, random_images
from rich.console import Console
from rich.table import Table

from photonics.rcwa import Numerics
from photonics.rcwa.lattice import harmonics
from photonics.rcwa.preconditioned.solver import PreconditionedSolver
from photonics.rcwa.solver import transfer_is_quicker
from photonics.rcwa.threads import one_blas_thread
from photonics.rcwa.transfer.arithmetic import optical_phase
from photonics.rcwa.transfer.solver import TransferSolver
from photonics.stack import Incidence, PatternLayer, Stack

Row = dict[str, float | int | bool]


def etched(scale: float) -> Stack:
    """The deep problem with its etch depth scaled."""
    stack = PROBLEMS["D"]()
    layers = tuple(
        replace(layer, thickness_nm=scale * layer.thickness_nm) if isinstance(layer, PatternLayer) else layer
        for layer in stack.layers
    )
    return replace(stack, layers=layers)


def least_seconds(ways: list[Callable[[], object]], repeats: int) -> list[float]:
    """The least time of each way, in turns."""
    for way in ways:
        way()
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for way, found in zip(ways, times, strict=True):
            started = time.perf_counter()
            way()
            found.append(time.perf_counter() - started)
    return [min(found) for found in times]


def compare(stack: Stack, numerics: Numerics, images: np.ndarray, repeats: int) -> Row:
    """One row: what the two take for one stack."""
    quick = PreconditionedSolver(stack, numerics, Incidence())
    transfer = TransferSolver(stack, numerics, Incidence())
    ways = [lambda: quick.powers_batch(images[:, None]), lambda: transfer.powers_batch(images[:, None])]
    seconds = least_seconds(ways, repeats)
    return {
        "orders": numerics.orders,
        "harmonics": len(harmonics(numerics.orders, numerics.truncation)[0]),
        "phase": optical_phase(stack),
        "accuracy": numerics.accuracy,
        "preconditioned_ms": 1e3 * seconds[0] / len(images),
        "transfer_ms": 1e3 * seconds[1] / len(images),
        "ratio": seconds[0] / seconds[1],
        "auto_takes_transfer": transfer_is_quicker(stack, numerics),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, nargs="+", default=[4, 5, 6], help="orders M of the truncation")
    parser.add_argument("--scales", type=float, nargs="+", default=[0.3, 0.5, 1.0, 1.5], help="of the etch depth of D")
    parser.add_argument("--accuracies", type=float, nargs="+", default=[1e-3, 1e-6, 1e-9], help="of the absorption")
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON array instead of a table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = random_images(arguments.images)
    rows: list[Row] = []
    with one_blas_thread():
        for orders in arguments.orders:
            for scale in arguments.scales:
                asked = [Numerics(orders, accuracy=accuracy) for accuracy in arguments.accuracies]
                rows += [compare(etched(scale), numerics, images, arguments.repeats) for numerics in asked]
                print(f"{orders} orders, etch depth times {scale:g}", file=sys.stderr, flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(title="preconditioned over transfer, times; * what auto gives to the transfer method")
    for heading in ("orders", "harmonics", "phase", *(f"{accuracy:.0e}" for accuracy in arguments.accuracies)):
        table.add_column(heading, justify="right")
    for start in range(0, len(rows), len(arguments.accuracies)):
        group = rows[start : start + len(arguments.accuracies)]
        cells = [f"{row['ratio']:.2f}{'*' if row['auto_takes_transfer'] else ' '}" for row in group]
        table.add_row(str(group[0]["orders"]), str(group[0]["harmonics"]), f"{group[0]['phase']:.1f}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
