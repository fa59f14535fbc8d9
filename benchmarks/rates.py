"""The least time that our fastest solver's arithmetic can take on this machine: its operations at measured rates."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.linalg import lapack

from photonics.rcwa import Numerics
from photonics.rcwa.preconditioned.limits import why_not
from photonics.rcwa.preconditioned.solver import PreconditionedSolver
from photonics.stack import Incidence, Stack

THIN = 8  # real columns of a thin product: two polarisations, two kinds of field, real and imaginary parts


def _rate(operations: float, run: Callable[[], object]) -> float:
    """Operations a second, of the median of seven runs."""
    times = []
    for _ in range(8):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return operations / statistics.median(times[1:])


@lru_cache(maxsize=16)
def measured_rates(n: int) -> dict[str, float]:
    """Real operations a second for matrices of side n, by kind."""
    rng = np.random.default_rng(0)
    single = rng.normal(size=(n, n)).astype(np.float32)
    double, thin = single.astype(float), single[:, :THIN].copy()
    system = (single + 1j * single.T).astype(np.complex64)
    return {
        "cgemm": _rate(8 * n**3, lambda: system @ system),
        "sgemm": _rate(2 * n**3, lambda: single @ single),
        "dgemm": _rate(2 * n**3, lambda: double @ double),
        "cgetrf": _rate(8 / 3 * n**3, lambda: lapack.cgetrf(system)),
        "thin_single": _rate(2 * n**2 * THIN, lambda: single @ thin),
        "thin_double": _rate(2 * n**2 * THIN, lambda: double @ thin.astype(float)),
    }


def arithmetic_limit(stack: Stack, orders: int, image: np.ndarray, accuracy: float, seconds: float) -> dict[str, float]:
    """Operations of one image in Gflop, the seconds they need at least, and how many times that ``seconds`` is.

    Counted are matrix products, factorisations and the products of the iterations; not the O(n^2) work between them.
    NaN where the preconditioned solver does not suit.
    """
    numerics = Numerics(orders, "square", pixels="dft", solver="preconditioned", accuracy=accuracy)
    if why_not(stack, numerics, Incidence()) is not None:
        return dict.fromkeys(("gigaflop", "seconds", "times_the_limit"), math.nan)
    work = PreconditionedSolver(stack, numerics, Incidence()).work(image)
    rates = measured_rates(2 * work.harmonics)
    least = sum(operations / rates[kind] for kind, operations in work.operations.items())
    total = sum(work.operations.values()) / 1e9
    return {"gigaflop": total, "seconds": least, "times_the_limit": seconds / least}
