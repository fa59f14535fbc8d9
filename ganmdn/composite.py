"""Search by a composite surrogate: a Gaussian process of the property itself serves every target at once.

A target enters in the acquisition alone, which is the expected improvement of |y - target| under the process of y
(Astudillo and Frazier, arXiv 1906.01537, with a known outer function). So |y - target|, which no smooth process
describes at the target, is never modelled, and each simulation tells of all targets.

``suggest`` is a pure function of the simulations known so far, as that of ``ganmdn.bayesian``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganmdn.known_latents import KnownLatents
from ganmdn.latent_process import LatentProcess

GLOBAL_POINTS = 512  # all over the box, at which the acquisition is evaluated first
LOCAL_POINTS = 256  # around the points that came nearest to the target
NEAREST, LOCAL_SPREAD = 8, 0.1  # so many of them; standard deviation, in units of the box or of a shorter length scale
RESTARTS, STEPS, RATE = 4, 30, 0.02  # the best of all, refined by Adam in the unit box
LEAST_DISTANCE = 1e-3  # of a suggestion from any known point, root mean square over dimensions in units of the box
FAILED_DISTANCE = 0.05  # from a point whose simulation failed
LEAST_ERROR = 1e-9  # improvement over an exact hit is taken over this


def suggest(
    z: np.ndarray,
    y: np.ndarray,
    aims: Sequence[float],
    seed: np.random.SeedSequence,
    low: float = -1.0,
    high: float = 1.0,
) -> np.ndarray:
    """Suggest a latent for each of ``aims``, the targets of one batch.

    Within the batch each suggestion is followed by an outcome drawn from the process, so that a second one for a
    target goes on from there. Before any simulation has succeeded, suggestions are quasi-random.

    Parameters
    ----------
    z
        (n, M), latents simulated so far, flattened, in their order.
    y
        (n,), their properties; NaN where the simulation failed, which suggestions keep away from.
    aims
        Targets, one for each suggestion.
    seed
        Decides all draws, together with the number of known simulations.
    low, high
        The search box, the same in every dimension.

    Returns
    -------
    np.ndarray
        float64, (len(aims), M).

    Raises
    ------
    ValueError
        If there are no aims or one is not finite, or as :meth:`KnownLatents.of`.
    """
    if not len(aims) or not np.isfinite(aims).all():
        raise ValueError(f"aims must be finite targets, at least one, got {list(aims)}")
    known = KnownLatents.of(z, y, low, high)
    sobol = torch.quasirandom.SobolEngine(known.dimension, scramble=True, seed=known.state(seed))
    if not known.done.any():
        return known.latents(sobol.draw(len(aims), dtype=torch.float64).numpy())
    generator = torch.Generator().manual_seed(known.state(seed))
    failed = torch.from_numpy(known.points[~known.done])
    process = LatentProcess.fitted(known.points[known.done], known.y[known.done], _fit_seed(seed))
    chosen = []
    for target in aims:
        error = (process.shift + process.scale * process.values - target).abs()
        acquisition = Acquisition(process, target, float(error.min()))
        around = process.points[torch.topk(error, min(NEAREST, len(error)), largest=False).indices]
        candidates = torch.cat([sobol.draw(GLOBAL_POINTS, dtype=torch.float64), _near(around, process, generator)])
        point = _best(acquisition, candidates, failed)
        mean, deviation = process.predict(point[None])
        outcome = mean + deviation * torch.randn(1, generator=generator, dtype=mean.dtype)
        process = process.observing(point, outcome.item())
        chosen.append(point.numpy())
    return known.latents(np.stack(chosen))


@dataclass(frozen=True)
class Acquisition:
    """Logarithm of the expected improvement over the ``best`` error known for a target."""

    process: LatentProcess
    target: float
    best: float

    def __call__(self, points: Tensor) -> Tensor:
        """At points (m, M) of the unit box, (m,); differentiable."""
        return log_expected_improvement(*self.process.predict(points), self.target, self.best)


def log_expected_improvement(mean: Tensor, deviation: Tensor, target: float, best: float) -> Tensor:
    """Logarithm of E[max(best - |y - target|, 0)] for normal y, (m,).

    The integral over the improving y, by Gauss and Legendre's rule on either side of the target: its closed form is a
    difference of numbers that are almost equal once ``best`` is small beside the deviation.
    """
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(16))
    nodes, weights = (nodes + 1) / 2, weights / 2
    best = max(best, LEAST_ERROR)
    y = target + best * torch.cat([-nodes, nodes])[:, None]
    log_gain = ((1 - nodes) * weights).log().repeat(2)[:, None]
    log_density = -((y - mean) / deviation).square() / 2 - deviation.log() - math.log(2 * math.pi) / 2
    return 2 * math.log(best) + torch.logsumexp(log_gain + log_density, dim=0)


def _near(around: Tensor, process: LatentProcess, generator: torch.Generator) -> Tensor:
    """Points about those of ``around`` (k, M), within the box."""
    origins = around.repeat(math.ceil(LOCAL_POINTS / len(around)), 1)[:LOCAL_POINTS]
    spread = LOCAL_SPREAD * process.kernel.lengthscale.clamp_max(1.0)
    normal = torch.randn(origins.shape, generator=generator, dtype=origins.dtype)
    return (origins + spread * normal).clamp(0.0, 1.0)


def _best(acquisition: Acquisition, candidates: Tensor, failed: Tensor) -> Tensor:
    """The candidate (M,) of largest acquisition, after the best have been refined, that is apart from what is known."""
    with torch.no_grad():
        values = acquisition(candidates)
    refined = _refined(acquisition, candidates[torch.topk(values, RESTARTS).indices])
    candidates = torch.cat([refined, candidates])
    with torch.no_grad():
        values = torch.cat([acquisition(refined), values])
    root = math.sqrt(candidates.shape[1])
    apart = torch.cdist(candidates, acquisition.process.points).amin(1) > LEAST_DISTANCE * root
    if len(failed):
        apart &= torch.cdist(candidates, failed).amin(1) > FAILED_DISTANCE * root
    return candidates[torch.where(apart, values, values - values.abs().max() * 2 - 1).argmax()]


def _refined(acquisition: Acquisition, points: Tensor) -> Tensor:
    """Points (k, M) led uphill within the box, each where it was highest."""
    free = points.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([free], lr=RATE)
    best, highest = points.clone(), torch.full((len(points),), -math.inf, dtype=points.dtype)
    for _ in range(STEPS):
        values = acquisition(free)
        better = values.detach() > highest
        best[better], highest[better] = free.detach()[better], values.detach()[better]
        optimiser.zero_grad()
        (-values.sum()).backward()
        optimiser.step()
        with torch.no_grad():
            free.clamp_(0.0, 1.0)
    return best


def _fit_seed(seed: np.random.SeedSequence) -> int:
    """Decides which points hyperparameters are fitted to: the same ones until it is time for the next fit."""
    return int(seed.generate_state(1, np.uint32)[0])
