"""Absorption against truncation for every factorisation rule and lattice of orders: a table and its plot.

    python benchmarks/rcwa_convergence.py [--orders 3 4 5 6 7 8 9 10 11 12] [--output docs/results]

Mean over a few images of the two benchmark problems, piecewise constant pixels.
"""

from __future__ import annotations

import one_core  # noqa: F401  it sets threads, so it comes before anything numerical

# isort: split
import argparse
import sys
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
from curves import Row, save_curves
from matplotlib.figure import Figure
from problems import PROBLEMS, random_images
from rich.console import Console
from rich.progress import track

from photonics.rcwa import Numerics, solve
from photonics.rcwa.lattice import harmonics
from results.figures.style import styled

RULES, SHAPES = ("laurent", "li"), ("square", "circular")
COLOURS = {"laurent": "#0072B2", "li": "#D55E00"}
STYLES = {"square": "s-", "circular": "o--"}


def measure(orders: list[int], count: int) -> list[Row]:
    """One row for every problem, rule, lattice and number of orders."""
    images = random_images(count)
    cases = list(product(PROBLEMS, RULES, SHAPES, orders))
    rows: list[Row] = []
    for problem, rule, shape, M in track(
        cases, "solving", console=Console(stderr=True), disable=not sys.stderr.isatty()
    ):
        numerics = Numerics(M, shape, rule, accuracy=1e-6)  # type: ignore[arg-type]
        absorption = solve(PROBLEMS[problem](), images, numerics).absorption.mean()
        row: Row = {"problem": problem, "factorization": rule, "truncation": shape, "orders": M}
        rows.append({**row, "harmonics": len(harmonics(M, shape)[0]), "absorption": float(absorption)})
    return rows


@styled
def draw(rows: list[Row]) -> Figure:
    """Absorption against harmonics, one panel a problem."""
    figure, panels = plt.subplots(1, 2, figsize=(8.2, 3.4), layout="constrained")
    titles = {"D": "D: deep etch, strong coupling", "S": "S: shallow etch"}
    for panel, problem in zip(panels, PROBLEMS, strict=True):
        for rule, shape in product(RULES, SHAPES):
            chosen = [r for r in rows if (r["problem"], r["factorization"], r["truncation"]) == (problem, rule, shape)]
            points = [(r["harmonics"], r["absorption"]) for r in chosen]
            label = {"laurent": "Laurent's rule", "li": "Li's rule"}[rule] + f", {shape}"
            panel.plot(*zip(*points, strict=True), STYLES[shape], color=COLOURS[rule], label=label, markersize=4)
        panel.set(title=titles[problem], xlabel="harmonics kept")
    panels[0].set_ylabel("absorption, mean over the images")
    panels[1].legend(loc="lower right")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, nargs="+", default=list(range(3, 13)), help="orders M to solve with")
    parser.add_argument("--images", type=int, default=3, help="images to average over")
    parser.add_argument("--output", type=Path, default=Path("docs/results"), help="folder of the table and the plot")
    arguments = parser.parse_args()
    rows = measure(sorted(arguments.orders), arguments.images)
    save_curves(rows, draw(rows), arguments.output, "rcwa_convergence", absorption=".6f")
    print(f"{arguments.output / 'rcwa_convergence.png'}: {len(rows)} points")


if __name__ == "__main__":
    main()
