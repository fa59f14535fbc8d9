"""The mixture density network of the paper: from a property y to a mixture of Gaussians over the targets.

The paper's appendix leaves two things unprinted. *Scaling*: neither y nor the targets are scaled. For y the authors'
published weights show it: by the statistics of their first batch norm its input had mean 0.64 and standard deviation
0.076, which is an absorption as it is. (Keras' batch-norm epsilon exceeds the variance that raw y gives the first
layer; standardising y lowered the loss on 3000 RCWA labels by 0.1 nats, but over three seeds it brought no designs
nearer to their targets.) *Initialisation and batch norm*: Keras defaults, as in the authors' weights.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import skip_init
from torch.utils.checkpoint import checkpoint

from ganmdn.mixture import GaussianMixture, Sampling, log_density

DENSE_LAYERS = 4
SIGMA_FLOOR = 1e-8
BATCH_NORM_EPSILON = 1e-3  # Keras' default, as is the momentum: 0.99 there is 1 - 0.99 here
BATCH_NORM_MOMENTUM = 0.01
ELEMENTS_AT_ONCE = 2**21  # of a (B, k, M) tensor in the loss: 8 MiB in float32


@dataclass(frozen=True)
class MdnShape:
    """Sizes of a mixture density network: M dimensions, K Gaussians, neurons of a densely connected layer."""

    dimension: int
    components: int = 40
    width: int = 16

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


class MixtureDensityNetwork(nn.Module):
    """Four densely connected layers and a mixture of Gaussians (paper, appendix, equations 3 to 5).

    Each layer is dense(width), batch norm, ReLU and is fed the outputs of all earlier layers, newest first, and
    the input: 1, 17, 33 and 49 values at width 16. Three linear heads on the last layer give K x (1 + 2M) numbers.
    Of the 288 possible orders of concatenation, newest first is the one under which the authors' published
    weights give their published (y, z) the highest likelihood.

    Parameters
    ----------
    shape
        Sizes of the network.
    generator
        Draws the initial weights (Glorot uniform; biases are 0). Torch's global generator is not touched.
    """

    def __init__(self, shape: MdnShape, generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        inputs = [1 + layer * shape.width for layer in range(DENSE_LAYERS)]
        self.dense = nn.ModuleList(skip_init(nn.Linear, size, shape.width) for size in inputs)
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(shape.width, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM) for _ in inputs
        )
        outputs = shape.components * shape.dimension
        self.means = skip_init(nn.Linear, shape.width, outputs)
        self.sigmas = skip_init(nn.Linear, shape.width, outputs)
        self.logits = skip_init(nn.Linear, shape.width, shape.components)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)

    def forward(self, y: torch.Tensor) -> GaussianMixture:
        """Mixtures for properties ``y`` (B,)."""
        hidden = self._trunk(y)
        means, sigmas = self._heads(hidden, slice(None))
        return GaussianMixture(torch.log_softmax(self.logits(hidden), dim=1), means, sigmas)

    def log_prob(self, y: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of ``targets`` (B, M) given ``y`` (B,), whose negative mean is equation 4; (B,).

        Equals ``self(y).log_prob(targets)``; where (B, K, M) is large, as for whole images, it goes component by
        component and computes each again in the backward pass, in memory of a few (B, M).
        """
        if len(y) * self.shape.components * self.shape.dimension <= ELEMENTS_AT_ONCE:
            return self(y).log_prob(targets)
        hidden = self._trunk(y)
        densities = [
            checkpoint(self._log_density, hidden, targets, component, use_reentrant=False)
            for component in range(self.shape.components)
        ]
        return torch.logsumexp(torch.log_softmax(self.logits(hidden), dim=1) + torch.stack(densities, dim=1), dim=1)

    def _trunk(self, y: torch.Tensor) -> torch.Tensor:
        """The densely connected layers: (B,) to (B, width)."""
        inputs = y[:, None]
        output = inputs
        for dense, norm in zip(self.dense, self.norms, strict=True):
            output = torch.relu(norm(dense(inputs)))
            inputs = torch.cat([output, inputs], dim=1)
        return output

    def _heads(self, hidden: torch.Tensor, components: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Means and standard deviations of the chosen components, each (B, k, M)."""
        sizes = (self.shape.components, self.shape.dimension, self.shape.width)

        def head(layer: nn.Linear) -> torch.Tensor:
            weight = layer.weight.view(sizes)[components].flatten(0, 1)
            bias = layer.bias.view(sizes[:2])[components].flatten()
            return functional.linear(hidden, weight, bias).view(len(hidden), -1, self.shape.dimension)

        raw = head(self.sigmas)
        # ELU + 1, written so that small values keep their digits: ELU itself rounds to -1 below about -17.
        sigmas = torch.relu(raw) + torch.exp(raw.clamp(max=0)) + SIGMA_FLOOR
        return head(self.means), sigmas

    def _log_density(self, hidden: torch.Tensor, targets: torch.Tensor, component: int) -> torch.Tensor:
        """Log density of ``targets`` under one component, (B,)."""
        means, sigmas = self._heads(hidden, slice(component, component + 1))
        return log_density(targets, means[:, 0], sigmas[:, 0])


def mixture_at(mdn: MixtureDensityNetwork, target: float) -> GaussianMixture:
    """The mixture that a fitted network predicts for one property ``target``, with batch norm at inference."""
    mdn.eval()
    with torch.no_grad():
        return mdn(torch.tensor([target], dtype=torch.float32))


def sample(
    mdn: MixtureDensityNetwork,
    y: float,
    count: int,
    seed: np.random.SeedSequence,
    sampling: Sampling = "component",
) -> np.ndarray:
    """Draw ``count`` targets for the property ``y``; see ``GaussianMixture.sample``.

    Returns
    -------
    np.ndarray
        float32, (count, M).
    """
    if not np.isfinite(y):
        raise ValueError(f"y must be finite, got {y}")
    return mixture_at(mdn, y).sample(count, seed, sampling)


def save_mdn(mdn: MixtureDensityNetwork, path: Path) -> None:
    """Write sizes and weights to ``path``, a file that ``load_mdn`` reads without unpickling code."""
    torch.save({"shape": asdict(mdn.shape), "state": mdn.state_dict()}, path)


def load_mdn(path: Path) -> MixtureDensityNetwork:
    """Read a network that ``save_mdn`` wrote; it comes in evaluation mode, on the CPU."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    mdn = MixtureDensityNetwork(MdnShape(**content["shape"]), torch.Generator())
    mdn.load_state_dict(content["state"])
    return mdn.eval()
