"""Seconds an image against harmonics, for our RCWA and its peers, on one thread: a table, its plot and growth rates.

    python benchmarks/rcwa_scaling.py [--orders 3 5 7 9 11] [--limit 20] [--output docs/results]

A code is left out of higher orders once an image takes it longer than ``--limit`` seconds. Two images a point, after a
first one that is not timed.
"""

from __future__ import annotations

import one_core  # noqa: F401  it sets threads, so it comes before anything numerical

# isort: split
import argparse
import statistics
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from codes import OURS, installed_peers
from curves import Row, save_curves
from matplotlib.figure import Figure
from problems import PROBLEMS, random_images

from results.figures.style import INK, styled

NAMES = {
    "ours_1e-6": "ours, 1e-6",
    "ours_1e-9": "ours, 1e-9",
    "transfer": "our transfer method",
    "fmmax_c128": "fmmax c128",
    "fmmax_c64": "fmmax c64",
    "grcwa_c128": "grcwa c128",
    "torcwa_c128": "torcwa c128",
}
COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#D55E00", "#E69F00", "#CC79A7", "#7A5195")


def measure(orders: list[int], limit: float) -> list[Row]:
    """One row for every problem, code and number of orders that is affordable."""
    first, *images = random_images(3)
    codes = {name: code for name, code in {**OURS, **installed_peers()}.items() if name in NAMES}
    rows: list[Row] = []
    for problem, make in PROBLEMS.items():
        affordable = dict(codes)
        for M in orders:
            for name, code in list(affordable.items()):
                absorb = code(make(), M)
                absorb(first)
                times = []
                for image in images:
                    started = time.perf_counter()
                    absorb(image)
                    times.append(time.perf_counter() - started)
                seconds = statistics.median(times)
                rows.append({"problem": problem, "orders": M, "harmonics": (2 * M + 1) ** 2, "code": name})
                rows[-1]["seconds"] = seconds
                print(f"{problem}  M = {M:2}  {name:12} {seconds:9.4f} s", flush=True)
                if seconds > limit:
                    del affordable[name]
    return rows


def growth(rows: list[Row], problem: str, code: str) -> float:
    """Exponent of seconds in the number of harmonics, fitted to the upper half of the points."""
    points = sorted((r["harmonics"], r["seconds"]) for r in rows if r["problem"] == problem and r["code"] == code)
    N, seconds = np.log(points[len(points) // 2 - 1 :]).T
    return float(np.polyfit(N, seconds, 1)[0])


@styled
def draw(rows: list[Row]) -> Figure:
    """Seconds against harmonics, one panel a problem."""
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.6), sharey=True, layout="constrained")
    titles = {"D": "D: deep etch, strong coupling", "S": "S: shallow etch"}
    for panel, problem in zip(panels, PROBLEMS, strict=True):
        for (code, label), colour in zip(NAMES.items(), COLOURS, strict=True):
            points = [(r["harmonics"], r["seconds"]) for r in rows if r["problem"] == problem and r["code"] == code]
            if points:
                style = "o-" if label.startswith("our") else "s--"
                panel.loglog(*zip(*sorted(points), strict=True), style, color=colour, label=label, markersize=4)
        panel.set(title=titles[problem], xlabel="harmonics (2 M + 1)²")
        ticks = sorted({r["harmonics"] for r in rows})
        panel.set_xticks(ticks, [str(tick) for tick in ticks])
        panel.minorticks_off()
    panels[0].set_ylabel("seconds an image, one thread")
    panels[1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), labelcolor=INK)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, nargs="+", default=[3, 5, 7, 9, 11], help="orders M to solve with")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds an image beyond which a code is left out")
    parser.add_argument("--output", type=Path, default=Path("docs/results"), help="folder of the table and the plot")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = measure(sorted(arguments.orders), arguments.limit)
    save_curves(rows, draw(rows), arguments.output, "rcwa_scaling", seconds=".4g")
    for problem in PROBLEMS:
        rates = {code: growth(rows, problem, code) for code in NAMES if any(r["code"] == code for r in rows)}
        print(problem, "seconds grow as harmonics to the", {code: round(rate, 2) for code, rate in rates.items()})


if __name__ == "__main__":
    main()
