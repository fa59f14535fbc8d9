"""Speed, agreement and memory of our RCWA beside its peers, at equal truncation on one thread, in one run.

    python benchmarks/rcwa_peers.py --problem D --orders 7 [--images 3] [--repeats 3] [--data FILE.hdf5] [--json]

Every code solves the same equations for both polarisations: Laurent's rule, DFT of the pixels, square truncation. Times
are medians over interleaved repeats on several images, compilation left out. The judge of all is our eigen-solver,
which is timed as well; `--without eigen torcwa_c64 ...` leaves codes out (without eigen the transfer method judges).
"""

from __future__ import annotations

import one_core  # noqa: F401  it sets threads, so it comes before anything numerical

# isort: split
import argparse
import json
import math
import multiprocessing
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from codes import ACCURACIES, OURS, Absorb, Code, installed_peers
from problems import PROBLEMS, random_images
from rates import arithmetic_limit
from rich.console import Console
from rich.progress import track
from rich.table import Table

from photonics.stack import Stack


def measure(codes: dict[str, Absorb], images: np.ndarray, repeats: int) -> tuple[dict, dict]:
    """Median seconds an image, and absorbed fractions (images, 2), of every code."""
    absorption = {}
    for name, absorb in track(codes.items(), "first solutions", console=Console(stderr=True), transient=True):
        absorption[name] = np.array([absorb(image) for image in images])
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    rounds = [(image, name) for _ in range(repeats) for image in images for name in codes]
    for image, name in track(rounds, "timed rounds", console=Console(stderr=True), transient=True):
        started = time.perf_counter()
        codes[name](image)
        seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}, absorption


def peak_memory_mb(code: Code, stack: Stack, orders: int, image: np.ndarray) -> float:
    """Growth of the resident memory from before the first solution to its peak, in a process of its own; Linux only."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth_mb, (code, stack, orders, image))


def _growth_mb(code: Code, stack: Stack, orders: int, image: np.ndarray) -> float:
    # A tiny solution first: libraries load when they are first used.
    code(stack, 1)(image)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before = _status_mb("VmRSS")
    code(stack, orders)(image)
    return _status_mb("VmHWM") - before


def _status_mb(field: str) -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) / 1024


def compare(problem: str, orders: int, images: np.ndarray, repeats: int, without: list[str]) -> dict[str, Any]:
    """The report of one problem at one truncation."""
    stack = PROBLEMS[problem]()
    codes = {name: code for name, code in {**OURS, **installed_peers()}.items() if name not in without}
    seconds, absorption = measure({name: code(stack, orders) for name, code in codes.items()}, images, repeats)
    judge = "eigen" if "eigen" in codes else "transfer"
    differences = {name: float(np.abs(values - absorption[judge]).max()) for name, values in absorption.items()}

    def ratios(peer: str) -> dict[str, float]:
        return {text: seconds[peer] / seconds[f"ours_{text}"] for text in ACCURACIES if peer in seconds}

    return {
        "problem": problem,
        "orders": orders,
        "harmonics": (2 * orders + 1) ** 2,
        "images": len(images),
        "repeats": repeats,
        "seconds": seconds,
        "absorption": {name: values.mean(axis=1).tolist() for name, values in absorption.items()},
        "judge": judge,
        "max_abs_difference": {text: differences[f"ours_{text}"] for text in ACCURACIES},
        "max_abs_difference_of_codes": differences,
        "ratio_vs_fmmax_c128": ratios("fmmax_c128"),
        "ratio_vs_fmmax_c64": ratios("fmmax_c64"),
        "ratio_vs_torcwa_c128": ratios("torcwa_c128"),
        "ratio_vs_grcwa_c128": ratios("grcwa_c128"),
        "arithmetic_limit": {
            text: arithmetic_limit(stack, orders, images[0], float(text), seconds[f"ours_{text}"])
            for text in ACCURACIES
        },
        "peak_memory_mb": {
            name: peak_memory_mb(code, stack, orders, images[0])
            for name, code in track(codes.items(), "memory", console=Console(stderr=True), transient=True)
        },
    }


def show(report: dict[str, Any]) -> None:
    """The report as a table."""
    title = "problem {problem}, M = {orders} ({harmonics} harmonics), {images} images".format(**report)
    table = Table(title=title, title_justify="left")
    for heading in ("code", "s an image", "fmmax c128 / it", f"max |dA| from {report['judge']}", "peak memory, MB"):
        table.add_column(heading, justify="left" if heading == "code" else "right")
    fmmax = report["seconds"].get("fmmax_c128", math.nan)
    for name, seconds in sorted(report["seconds"].items(), key=lambda item: item[1]):
        difference, memory = report["max_abs_difference_of_codes"][name], report["peak_memory_mb"][name]
        table.add_row(name, f"{seconds:.4f}", f"{fmmax / seconds:.1f}", f"{difference:.1e}", f"{memory:.0f}")
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    for text, limit in report["arithmetic_limit"].items():
        console.print(
            f"ours at {text}: {limit['gigaflop']:.2f} Gflop, {limit['seconds']:.4f} s at the rates of this machine; "
            f"the solver takes {limit['times_the_limit']:.2f} times as long"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", choices=sorted(PROBLEMS), default="D", help="D deep, S shallow")
    parser.add_argument("--orders", type=int, default=5, help="orders M of the square truncation")
    parser.add_argument("--images", type=int, default=3, help="images to compare on")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of every image and code")
    parser.add_argument("--data", type=Path, help="take the images from this published data set (.hdf5)")
    parser.add_argument("--without", nargs="*", default=[], help="codes to leave out")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.data:
        from results.exchange.hdf5 import read_published

        images = read_published(arguments.data).images[: arguments.images]
    else:
        images = random_images(arguments.images)
    report = compare(arguments.problem, arguments.orders, images, arguments.repeats, arguments.without)
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)


if __name__ == "__main__":
    main()
