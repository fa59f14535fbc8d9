"""Right-preconditioned block GMRES for a few right-hand sides of each of a batch of systems, in single precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from photonics.rcwa.numerics import SolverError

# What the operator makes of a preconditioned block: the block itself and anything linear in it, stacked last axis by
# last axis; the first entry is the image W z that GMRES needs.
Applied = tuple[np.ndarray, ...]
TINY = 1e-30


class BlockSolution(NamedTuple):
    """Combination ``parts`` of what the operator returned, the relative residuals reached, and the iterations used.

    ``parts`` are (B, n, c), ``residual`` and ``iterations`` (B,).
    """

    parts: tuple[np.ndarray, ...]
    residual: np.ndarray
    iterations: np.ndarray


def block_gmres(
    apply: Callable[[np.ndarray], Applied], right: np.ndarray, tolerance: np.ndarray, most_iterations: int
) -> BlockSolution:
    """Solve W M^-1 y = right for all columns of a system at once, right complex (B, n, c).

    ``apply(v)`` returns W M^-1 v first, then anything else linear in v, such as M^-1 v: those come back combined in
    ``parts``. A system stops when every column's residual is below its ``tolerance`` (B,) times its right-hand side,
    whatever the others do; all stop after ``most_iterations`` (Saad, Iterative Methods for Sparse Linear Systems,
    section 6.12, without restarts). Raises SolverError if W M^-1 v is not finite.
    """
    B, n, c = right.shape
    scale = np.linalg.norm(right, axis=1, keepdims=True)
    # Vectors are rows: what is used of them so far is one piece of memory.
    basis = np.empty((B, (most_iterations + 1) * c, n), np.complex64)
    first, R = _orthonormal((right / scale).astype(np.complex64))
    basis[:, :c] = first.mT
    hessenberg = np.zeros((B, (most_iterations + 1) * c, most_iterations * c), complex)
    start = np.zeros((B, (most_iterations + 1) * c, c), complex)
    start[:, :c] = R
    residual, iterations = np.full(B, np.inf), np.zeros(B, int)
    weights = np.zeros((B, most_iterations * c, c), complex)
    applied: list[tuple[np.ndarray, ...]] = []
    for k in range(1, most_iterations + 1):
        done, block = k * c, slice((k - 1) * c, k * c)
        image, *others = apply(np.ascontiguousarray(basis[:, block].mT))
        if not np.isfinite(image).all():
            raise SolverError("the iterations met a value that is not finite; use solver='transfer'")
        applied.append(tuple(others))
        # Twice is enough (Kahan and Parlett): one pass leaves errors of the size of what cancelled.
        for _ in range(2):
            overlap = (basis[:, :done] @ image.conj()).conj()
            image = image - basis[:, :done].mT @ overlap
            hessenberg[:, :done, block] += overlap
        following, R = _orthonormal(image)
        basis[:, done : done + c] = following.mT
        hessenberg[:, done : done + c, block] = R
        left = np.flatnonzero(residual > tolerance)
        system, wanted = hessenberg[left, : done + c, :done], start[left, : done + c]
        with np.errstate(over="ignore", invalid="ignore"):  # such a residual stays above any tolerance
            best = np.linalg.solve(system.conj().mT @ system, system.conj().mT @ wanted)
        weights[left, :done] = best
        residual[left] = np.linalg.norm(wanted - system @ best, axis=1).max(axis=1)
        iterations[left] = k
        if (residual <= tolerance).all():
            break
        basis[residual <= tolerance, done : done + c] = 0
    weights *= scale
    parts = tuple(
        sum(part @ weights[:, i * c : (i + 1) * c] for i, part in enumerate(column))
        for column in zip(*applied, strict=True)
    )
    return BlockSolution(parts, residual, iterations)


def _orthonormal(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Q R = block (B, n, c) with orthonormal columns Q, by Gram and Schmidt, twice."""
    c = block.shape[-1]
    Q, R = np.zeros_like(block), np.zeros((len(block), c, c), block.dtype)
    for j in range(c):
        column = block[..., j : j + 1]
        for _ in range(2 if j else 0):
            overlap = (column.conj().mT @ Q[..., :j]).conj().mT
            column = column - Q[..., :j] @ overlap
            R[:, :j, j : j + 1] += overlap
        size = np.linalg.norm(column, axis=1, keepdims=True)
        R[:, j : j + 1, j : j + 1] = size
        Q[..., j : j + 1] = column / np.maximum(size, TINY)
    return Q, R
