"""Inverse model: a neural spline flow p(z | y), the modern one-shot peer of the mixture density network.

Durkan et al., arXiv 1906.04032, by zuko. Latents are uniform in a box; each is mapped to a normal variable first, so
that the flow which changes nothing is the prior, and no design leaves the box.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import zuko
from torch import Tensor

from ganmdn.density_config import FlowTraining
from ganmdn.density_training import ConditionalDensity, DensityFit, conditions, fit_density
from ganmdn.epochs import ALONE, EpochReport
from ganmdn.inverse import Designs, Generate
from ganmdn.session import TrainingSession
from ganmdn.targets import Target

WEIGHTS = "flow.pt"
EDGE = 1e-6  # of the box's width: nearer to an edge a latent is moved inwards, where its normal variable is finite


@dataclass(frozen=True)
class FlowShape:
    """Sizes of a flow over M = ``dimension`` latents in the box [low, high]^M, and the scale of its condition."""

    dimension: int
    transforms: int
    bins: int
    width: int
    low: float
    high: float
    y_mean: tuple[float, ...]
    y_scale: tuple[float, ...]


class LatentFlow(ConditionalDensity):
    """A neural spline flow over latents in a box, on condition of a property.

    Parameters
    ----------
    shape
        Sizes and scales.
    generator
        Draws the initial weights. Torch's global generator, which zuko draws from, is put back.
    """

    def __init__(self, shape: FlowShape, generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        hidden = (shape.width, shape.width)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.initial_seed())
            self.flow = zuko.flows.NSF(
                shape.dimension, len(shape.y_mean), bins=shape.bins, transforms=shape.transforms, hidden_features=hidden
            )

    def log_prob(self, y: Tensor, targets: Tensor) -> Tensor:
        """Log density of latents ``targets`` (B, M), flattened, given properties ``y`` (B,) or (B, D); (B,)."""
        low, width = self.shape.low, self.shape.high - self.shape.low
        share = ((targets - low) / width).clamp(EDGE, 1 - EDGE)
        normal = torch.special.ndtri(share)
        # d normal / d target = sqrt(2 pi) exp(normal^2 / 2) / width
        stretched = 0.5 * (normal.square() + np.log(2 * np.pi)).sum(-1) - targets.shape[-1] * np.log(width)
        return self.flow(self._condition(y)).log_prob(normal) + stretched

    def latents(self, y: Tensor, noise: Tensor) -> Tensor:
        """Latents for properties, a row each or one for all, from standard normal ``noise``; both (n, M)."""
        condition = self._condition(y.expand(len(noise), *y.shape[1:]))
        normal = self.flow(condition).transform.inv(noise)
        return self.shape.low + (self.shape.high - self.shape.low) * torch.special.ndtr(normal)

    def _condition(self, y: Tensor) -> Tensor:
        mean, scale = (torch.tensor(part, dtype=y.dtype) for part in (self.shape.y_mean, self.shape.y_scale))
        return (y.reshape(len(y), -1) - mean) / scale


@dataclass(frozen=True)
class FlowPosterior:
    """Flow and generator joined.

    Parameters
    ----------
    flow
        Predicts latents, flattened row by row; its weights are float64, so that designs do not depend on the processor.
    latent_shape
        (h, w) of one latent; h x w is the dimension of ``flow``.
    generate
        The generator. It is not saved: ``load`` is handed it again.
    """

    flow: LatentFlow
    latent_shape: tuple[int, int]
    generate: Generate

    def __post_init__(self) -> None:
        if self.flow.shape.dimension != self.latent_shape[0] * self.latent_shape[1]:
            raise ValueError(
                f"latent_shape must hold the flow's {self.flow.shape.dimension} dimensions, got {self.latent_shape}"
            )
        self.flow.double().eval()

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        """Draw latents for ``target`` and generate their images; see ``InverseModel.design``."""
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        wanted = torch.from_numpy(conditions(self.flow, target, count, seed))
        noise = np.random.default_rng(seed).standard_normal((count, self.flow.shape.dimension))
        with torch.no_grad():
            latents = self.flow.latents(wanted, torch.from_numpy(noise))
        z = latents.numpy().astype(np.float32).reshape(count, *self.latent_shape)
        return Designs(self.generate(z), z)

    def save(self, folder: Path) -> None:
        """See ``InverseModel.save``."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {"shape": asdict(self.flow.shape), "state": self.flow.state_dict(), "known": self.flow.known}
        torch.save(content, folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path, latent_shape: tuple[int, int], generate: Generate) -> FlowPosterior:
        """Read what ``save`` wrote."""
        content = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
        flow = LatentFlow(FlowShape(**content["shape"]), torch.Generator()).double()
        flow.load_state_dict(content["state"])
        flow.known = content["known"]
        return cls(flow, latent_shape, generate)


def fit_flow_posterior(
    y: np.ndarray,
    z: np.ndarray,
    generate: Generate,
    prior: tuple[float, float],
    config: FlowTraining,
    seed: np.random.SeedSequence,
    *,
    report: EpochReport | None = None,
    session: TrainingSession = ALONE,
) -> tuple[FlowPosterior, DensityFit[LatentFlow]]:
    """Fit p(z | y) on properties ``y`` (n,) or (n, D) of latents ``z`` (n, h, w); see ``fit_density`` for the rest.

    Parameters
    ----------
    prior
        (low, high) of the uniform distribution that the latents were drawn from.

    Returns
    -------
    tuple
        The inverse model, and how its network was fitted.
    """
    if z.ndim != 3:
        raise ValueError(f"z must have shape (n, h, w), got {z.shape}")
    low, high = prior
    if not low <= z.min() <= z.max() <= high:
        raise ValueError(f"z must lie in the prior's box from {low} to {high}, got {z.min()} to {z.max()}")
    sizes = (z[0].size, config.transforms, config.bins, config.width)
    columns = y.reshape(len(y), -1).T
    means, scales = (tuple(float(part(column)) for column in columns) for part in (np.mean, np.std))
    shape = FlowShape(*sizes, float(low), float(high), means, tuple(scale or 1.0 for scale in scales))
    rows = z.reshape(len(z), -1)
    fit = fit_density(lambda source: LatentFlow(shape, source), y, rows, config, seed, report, session)
    return FlowPosterior(fit.network, (z.shape[1], z.shape[2]), generate), fit
