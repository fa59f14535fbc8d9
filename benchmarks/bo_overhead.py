"""Seconds on one core that a suggestion takes at so many known points: every search with a model, 4 and 9 dimensions.

    python benchmarks/bo_overhead.py [--points 650] [--dimensions 4 9] [--repeats 7] [--json]

Each call suggests what one step of its search does by default: a batch of 8 for one target, or of 10 for five targets
in turn. Printed are the median of a suggestion, a batch's time over its size, and of a whole batch, in the processor's
time, so that what else runs on the core does not count. Ax, the paper's baseline, fits all points anew for each batch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import one_core  # noqa: F401  it sets threads, so it comes before anything numerical

from ganmdn import bayesian, composite, trust_region

TARGETS = (0.55, 0.60, 0.65, 0.70, 0.75)
INITIAL, BATCH, SHARED_BATCH = 250, 8, 10
METHODS = ("composite-optimization", "trust-region-optimization", "bayesian-optimization")
SEED = np.random.SeedSequence(2020)


def property_of(z: np.ndarray) -> np.ndarray:
    """A property of latents (n, M) between about 0.5 and 0.8, with a part too rough for a process to resolve."""
    smooth = 0.05 * np.sin(3 * z[:, 0]) * z[:, 1] + 0.04 * z[:, 2] - 0.03 * z[:, 3] ** 2
    return 0.65 + smooth + 0.01 * np.sin(40 * z.sum(axis=1))


@dataclass(frozen=True)
class Known:
    """Latents (n, M) and their property (n,)."""

    z: np.ndarray
    y: np.ndarray

    @classmethod
    def drawn(cls, points: int, dimension: int, repeat: int) -> Known:
        """At random, others for each repeat."""
        z = np.random.default_rng([repeat, dimension]).uniform(-1, 1, (points, dimension))
        return cls(z, property_of(z))


def step(method: str, known: Known) -> tuple[Callable[[], object], int]:
    """One step of a search, and how many suggestions it makes."""
    if method == "composite-optimization":
        aims = [TARGETS[index % len(TARGETS)] for index in range(SHARED_BATCH)]
        return lambda: composite.suggest(known.z, known.y, aims, SEED), SHARED_BATCH
    if method == "trust-region-optimization":
        options = {"initial": min(INITIAL, len(known.y)), "batch": BATCH}
        return lambda: trust_region.suggest(known.z, known.y, TARGETS[3], BATCH, SEED, **options), BATCH
    return lambda: bayesian.suggest(known.z, known.y, TARGETS[3], BATCH, SEED), BATCH


def measured(method: str, points: int, dimension: int, repeats: int) -> dict[str, object]:
    """Medians over repeats, each with points of its own; one more beforehand loads what has to be loaded."""
    seconds = []
    for repeat in range(repeats + 1):
        suggest, count = step(method, Known.drawn(points, dimension, repeat))
        started = time.process_time()
        suggest()
        seconds.append(time.process_time() - started)
    batch = statistics.median(seconds[1:])
    return {
        "method": method,
        "dimension": dimension,
        "points": points,
        "suggestion_seconds": batch / count,
        "batch_seconds": batch,
        "batch": count,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a method and dimension."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=650)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[4, 9])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    rows = [
        measured(method, options.points, dimension, options.repeats)
        for method in options.methods
        for dimension in options.dimensions
    ]
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(
            f"{row['method']:>26}  {row['dimension']} dimensions, {row['points']} points: "
            f"{row['suggestion_seconds']:.3f} s a suggestion, {row['batch_seconds']:.2f} s a batch of {row['batch']}"
        )


if __name__ == "__main__":
    main()
