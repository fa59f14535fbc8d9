"""Search by Bayesian optimisation in a trust region: TuRBO-1 of Eriksson et al., arXiv 1910.01739, for a target.

The process models the property itself, and each sample of it votes for the candidate that it puts nearest to the
target. The region is told from the simulations so far alone, by replaying them, so ``suggest`` is a pure function of
them, as that of ``ganmdn.bayesian``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganmdn.known_latents import KnownLatents
from ganmdn.latent_process import LatentProcess, columns_of
from ganmdn.targets import Target

LARGEST, FIRST, SMALLEST = 1.6, 0.8, 0.5**7  # sides of the region in units of the box (appendix A of the paper)
SUCCESSES = 3  # batches in a row that improve, after which the side doubles
LEAST_GAIN = 1e-3  # of the error, relative: an improvement by less is none
FAILURES = 4  # suggestions without improvement, or as many as dimensions, after which it halves
CANDIDATES = 512
LOCAL_POINTS = 250  # known points that the process is of, those nearest to the region's centre
LEFT = 0.1  # half the side of the box about the centre of a region that has shrunk away, which is not looked at again


def suggest(
    z: np.ndarray,
    y: np.ndarray,
    target: float | Target,
    count: int,
    seed: np.random.SeedSequence,
    low: float = -1.0,
    high: float = 1.0,
    *,
    initial: int,
    batch: int,
) -> np.ndarray:
    """Suggest the next ``count`` latents in the search for |y - target| = 0, or for a distance of 0 to other targets.

    Parameters
    ----------
    z
        (n, M), latents simulated so far, flattened, in their order: the starting set, then batches.
    y
        (n,) or (n, D), their properties; NaN where the simulation failed, which counts as no improvement.
    seed
        Decides all draws, together with the number of known simulations.
    low, high
        The search box, the same in every dimension.
    initial, batch
        Simulations of the starting set, and of every batch after it.

    Returns
    -------
    np.ndarray
        float64, (count, M).

    Raises
    ------
    ValueError
        If ``target`` is not finite, ``count`` or ``batch`` is below 1, or as :meth:`KnownLatents.of`.
    """
    target = Target.of(target)
    if count < 1 or batch < 1:
        raise ValueError(f"count and batch must be at least 1, got {count} and {batch}")
    known = KnownLatents.of(z, y, low, high)
    state = known.state(seed)
    sobol = torch.quasirandom.SobolEngine(known.dimension, scramble=True, seed=state)
    if not known.done.any():
        return known.latents(sobol.draw(count, dtype=torch.float64).numpy())
    region = replayed(known, target, initial, batch)
    points, values = known.points[known.done], known.y[known.done]
    near = np.sort(np.argsort(np.abs(points - region.centre).max(axis=1), kind="stable")[:LOCAL_POINTS])
    processes = [LatentProcess.fitted(points[near], column, state) for column in columns_of(values[near])]
    candidates = _within(region, processes, sobol.draw(CANDIDATES, dtype=torch.float64))
    generator = torch.Generator().manual_seed(state)
    samples = torch.stack([process.sample(candidates, count, generator) for process in processes], dim=-1).numpy()
    errors = target.distance(samples[..., 0] if len(processes) == 1 else samples)
    return known.latents(candidates[_votes(torch.from_numpy(errors))].numpy())


@dataclass(frozen=True)
class Region:
    """Where a search looks.

    Attributes
    ----------
    centre
        (M,) in the unit box, the best point that is not left behind.
    side
        In units of the box.
    """

    centre: np.ndarray
    side: float


def replayed(known: KnownLatents, target: float | Target, initial: int, batch: int) -> Region:
    """The region that follows from the starting set and every batch after it.

    One that has shrunk below ``SMALLEST`` is left behind with the neighbourhood of its centre, and the search begins
    anew about the best point elsewhere.
    """
    error = np.where(known.done, Target.of(target).distance(known.y), np.inf)
    patience = math.ceil(max(FAILURES, known.dimension) / batch)
    side, successes, failures, known_so_far = FIRST, 0, 0, initial
    while known_so_far < len(error):
        best = float(error[:known_so_far].min(initial=np.inf))
        found = float(error[known_so_far : known_so_far + batch].min())
        known_so_far += batch
        improved = found < best - LEAST_GAIN * best if np.isfinite(best) else np.isfinite(found)
        successes, failures = (successes + 1, 0) if improved else (0, failures + 1)
        if successes == SUCCESSES:
            side, successes = min(LARGEST, 2 * side), 0
        elif failures == patience:
            side, failures = side / 2, 0
        if side < SMALLEST:
            centre = known.points[int(np.argmin(error[:known_so_far]))]
            beside = np.abs(known.points - centre).max(axis=1) > LEFT
            if np.isfinite(error[beside]).any():
                error = np.where(beside, error, np.inf)
            side, successes, failures = FIRST, 0, 0
    return Region(known.points[int(np.argmin(error))], side)


def _within(region: Region, processes: Sequence[LatentProcess], points: Tensor) -> Tensor:
    """Points of the unit box (m, M) moved into the region, which is longer where the processes vary slower."""
    centre = torch.from_numpy(region.centre)
    scales = [process.kernel.lengthscale for process in processes]
    scale = scales[0] if len(scales) == 1 else torch.stack(scales).log().mean(0).exp()
    half = region.side / 2 * scale / scale.log().mean().exp()
    lowest, highest = (centre - half).clamp(0.0, 1.0), (centre + half).clamp(0.0, 1.0)
    return lowest + (highest - lowest) * points


def _votes(errors: Tensor) -> list[int]:
    """For each sample's distances from the target (q, m) the nearest candidate that no sample before it has taken."""
    taken: list[int] = []
    for error in errors:
        error[taken] = math.inf
        taken.append(int(error.argmin()))
    return taken
