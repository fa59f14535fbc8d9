"""Right-preconditioned block GMRES for a few right-hand sides, in single precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from photonics.rcwa.numerics import SolverError

# What the operator makes of a preconditioned block: the block itself and anything linear in it, stacked last axis by
# last axis; the first entry is the image W z that GMRES needs.
Applied = tuple[np.ndarray, ...]


class BlockSolution(NamedTuple):
    """Combination ``parts`` of what the operator returned, the relative residual reached, and the iterations used."""

    parts: tuple[np.ndarray, ...]
    residual: float
    iterations: int


def block_gmres(
    apply: Callable[[np.ndarray], Applied], right: np.ndarray, tolerance: float, most_iterations: int
) -> BlockSolution:
    """Solve W M^-1 y = right for all columns at once, right complex (n, c).

    ``apply(v)`` returns W M^-1 v first, then anything else linear in v, such as M^-1 v: those come back combined in
    ``parts``. Stops when every column's residual is below ``tolerance`` times its right-hand side, or after
    ``most_iterations`` (Saad, Iterative Methods for Sparse Linear Systems, section 6.12, without restarts). Raises
    SolverError if W M^-1 v is not finite.
    """
    n, c = right.shape
    scale = np.linalg.norm(right, axis=0)
    basis = np.empty((n, (most_iterations + 1) * c), np.complex64, order="F")
    first, R = np.linalg.qr((right / scale).astype(np.complex64))
    basis[:, :c] = first
    hessenberg = np.zeros(((most_iterations + 1) * c, most_iterations * c), complex)
    start = np.zeros(((most_iterations + 1) * c, c), complex)
    start[:c] = R
    applied: list[tuple[np.ndarray, ...]] = []
    for k in range(1, most_iterations + 1):
        done, block = k * c, slice((k - 1) * c, k * c)
        image, *others = apply(basis[:, block])
        if not np.isfinite(image).all():
            raise SolverError("the iterations met a value that is not finite; use solver='transfer'")
        applied.append(tuple(others))
        # Twice is enough (Kahan and Parlett): one pass leaves errors of the size of what cancelled.
        for _ in range(2):
            overlap = basis[:, :done].conj().T @ image
            image = image - basis[:, :done] @ overlap
            hessenberg[:done, block] += overlap
        following, R = np.linalg.qr(image)
        basis[:, done : done + c] = following
        hessenberg[done : done + c, block] = R
        system = hessenberg[: done + c, :done]
        weights, *_ = np.linalg.lstsq(system, start[: done + c], rcond=None)
        residual = float(np.linalg.norm(start[: done + c] - system @ weights, axis=0).max())
        if residual <= tolerance:
            break
    weights = weights * scale
    parts = tuple(
        sum(part @ weights[i * c : (i + 1) * c] for i, part in enumerate(column))
        for column in zip(*applied, strict=True)
    )
    return BlockSolution(parts, residual, k)
