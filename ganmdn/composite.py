"""Search by a composite surrogate: a Gaussian process of the property itself serves every target at once.

A target enters in the acquisition alone, which is the expected improvement of |y - target| under the process of y
(Astudillo and Frazier, arXiv 1906.01537, with a known outer function). So |y - target|, which no smooth process
describes at the target, is never modelled, and each simulation tells of all targets. Several properties have a process
each; the expectation over them, or over a range, is a mean over samples.

``suggest`` is a pure function of the simulations known so far, as that of ``ganmdn.bayesian``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ganmdn.known_latents import KnownLatents
from ganmdn.latent_process import LatentProcess, columns_of
from ganmdn.targets import Target

GLOBAL_POINTS = 512  # all over the box, at which the acquisition is evaluated first
LOCAL_POINTS = 256  # around the points that came nearest to the target
NEAREST, LOCAL_SPREAD = 8, 0.1  # so many of them; standard deviation, in units of the box or of a shorter length scale
RESTARTS, STEPS, RATE = 4, 30, 0.02  # the best of all, refined by Adam in the unit box
LEAST_DISTANCE = 1e-3  # of a suggestion from any known point, root mean square over dimensions in units of the box
FAILED_DISTANCE = 0.05  # from a point whose simulation failed
LEAST_ERROR = 1e-9  # improvement over an exact hit is taken over this
SAMPLES = 64  # of several properties, or of a range
SOFTNESS = 0.02  # of their mean deviation: over so much the edge of an improvement is rounded off
DEEP = 30.0  # below minus that, softplus is the exponential function


def suggest(
    z: np.ndarray,
    y: np.ndarray,
    aims: Sequence[float | Target],
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
        (n,) or (n, D), their properties; NaN where the simulation failed, which suggestions keep away from.
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
    if not len(aims):
        raise ValueError("aims must be targets, at least one, got none")
    known = KnownLatents.of(z, y, low, high)
    sobol = torch.quasirandom.SobolEngine(known.dimension, scramble=True, seed=known.state(seed))
    if not known.done.any():
        return known.latents(sobol.draw(len(aims), dtype=torch.float64).numpy())
    generator = torch.Generator().manual_seed(known.state(seed))
    failed = torch.from_numpy(known.points[~known.done])
    columns = columns_of(known.y[known.done])
    processes = [LatentProcess.fitted(known.points[known.done], column, _fit_seed(seed)) for column in columns]
    chosen = []
    for target in map(Target.of, aims):
        seen = torch.stack([process.shift + process.scale * process.values for process in processes], dim=-1)
        error = distances(seen, target)
        acquisition = Acquisition(processes, target, float(error.min()))
        around = processes[0].points[torch.topk(error, min(NEAREST, len(error)), largest=False).indices]
        candidates = torch.cat([sobol.draw(GLOBAL_POINTS, dtype=torch.float64), _near(around, processes, generator)])
        point = _best(acquisition, candidates, failed)
        processes = [_observing(process, point, generator) for process in processes]
        chosen.append(point.numpy())
    return known.latents(np.stack(chosen))


def _observing(process: LatentProcess, point: Tensor, generator: torch.Generator) -> LatentProcess:
    """The process with an outcome at a point (M,) that is drawn from itself."""
    mean, deviation = process.predict(point[None])
    outcome = mean + deviation * torch.randn(1, generator=generator, dtype=mean.dtype)
    return process.observing(point, outcome.item())


def distances(y: Tensor, target: Target) -> Tensor:
    """``Target.distance`` of properties (..., D) in tensors, (...); differentiable."""
    low, high, weights = (torch.tensor(part, dtype=y.dtype) for part in (target.low, target.high, target.weights))
    below, above = (low - y).clamp_min(0), (y - high).clamp_min(0)
    return (weights[0] * below + weights[1] * above).sum(-1)


@dataclass(frozen=True)
class Acquisition:
    """Logarithm of the expected improvement over the ``best`` error known for a target."""

    processes: Sequence[LatentProcess]
    target: Target
    best: float

    def __call__(self, points: Tensor) -> Tensor:
        """At points (m, M) of the unit box, (m,); differentiable."""
        predicted = [process.predict(points) for process in self.processes]
        if self.target.number is not None:
            return log_expected_improvement(*predicted[0], self.target.number, self.best)
        mean, deviation = (torch.stack(part, dim=-1) for part in zip(*predicted, strict=True))
        return sampled_log_improvement(mean, deviation, self.target, self.best)


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


def sampled_log_improvement(mean: Tensor, deviation: Tensor, target: Target, best: float) -> Tensor:
    """Logarithm of E[max(best - distance, 0)] for independent normal properties (m, D), about, (m,).

    A mean over quasi-random samples, the same for every point. The maximum is rounded off, so that there is a slope
    where no sample improves (Ament et al., arXiv 2310.20708).
    """
    size = mean.shape[-1]
    uniform = torch.quasirandom.SobolEngine(size, scramble=True, seed=0).draw(SAMPLES, dtype=mean.dtype)
    y = mean + deviation * torch.special.ndtri(uniform.clamp(1e-6, 1 - 1e-6))[:, None]
    softness = SOFTNESS * float((deviation.detach().mean(0) * torch.tensor(target.weights.max(0))).sum())
    gain = (max(best, LEAST_ERROR) - distances(y, target)) / softness
    logarithm = torch.where(gain > -DEEP, functional.softplus(gain.clamp_min(-DEEP)).log(), gain)
    return torch.logsumexp(logarithm, dim=0) + math.log(softness / SAMPLES)


def _near(around: Tensor, processes: Sequence[LatentProcess], generator: torch.Generator) -> Tensor:
    """Points about those of ``around`` (k, M), within the box."""
    origins = around.repeat(math.ceil(LOCAL_POINTS / len(around)), 1)[:LOCAL_POINTS]
    shortest = torch.stack([process.kernel.lengthscale for process in processes]).amin(0)
    spread = LOCAL_SPREAD * shortest.clamp_max(1.0)
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
    apart = torch.cdist(candidates, acquisition.processes[0].points).amin(1) > LEAST_DISTANCE * root
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
