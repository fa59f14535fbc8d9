"""The mixture density network of the paper: from a property y to a mixture of Gaussians over the targets.

The paper's appendix leaves two things unprinted. *Scaling*: neither y nor the targets are scaled. For y the authors'
published weights show it: by the statistics of their first batch norm its input had mean 0.64 and standard deviation
0.076, which is an absorption as it is. (Keras' batch-norm epsilon exceeds the variance that raw y gives the first
layer; standardising y lowered the loss on 3000 RCWA labels by 0.1 nats, but over three seeds it brought no designs
nearer to their targets.) *Initialisation and batch norm*: Keras defaults, as in the authors' weights.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.distributions import MixtureSameFamily
from torch.nn.utils import skip_init

from ganmdn.batch_norms import measuring
from ganmdn.density_training import ConditionalDensity, conditions
from ganmdn.mixture import Sampling, gaussian_mixture, sample_mixture
from ganmdn.pixel_density import pixel_log_densities, positive
from ganmdn.targets import Target

DENSE_LAYERS = 4
BATCH_NORM_EPSILON = 1e-3  # Keras' default, as is the momentum: 0.99 there is 1 - 0.99 here
BATCH_NORM_MOMENTUM = 0.01
DISTRIBUTIONS_UP_TO = 2**21  # numbers (B, K, M) of a batch, 8 MiB in float32; beyond, densities are summed by hand


@dataclass(frozen=True)
class MdnShape:
    """Sizes of a mixture density network: M dimensions, K Gaussians, neurons of a densely connected layer, D inputs."""

    dimension: int
    components: int = 40
    width: int = 16
    inputs: int = 1

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


class MixtureDensityNetwork(ConditionalDensity):
    """Four densely connected layers and a mixture of Gaussians (paper, appendix, equations 3 to 5).

    Each layer is dense(width), batch norm, ReLU and is fed the outputs of all earlier layers, newest first, and
    the input: 1, 17, 33 and 49 values at width 16 and one property. Three linear heads on the last layer give
    K x (1 + 2M) numbers. Of the 288 possible orders of concatenation, newest first is the one under which the authors'
    published weights give their published (y, z) the highest likelihood.

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
        inputs = [shape.inputs + layer * shape.width for layer in range(DENSE_LAYERS)]
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

    def forward(self, y: torch.Tensor) -> MixtureSameFamily:
        """Mixtures for properties ``y`` (B,), or (B, D) of several."""
        hidden = self._trunk(y)
        shape = (len(y), self.shape.components, self.shape.dimension)
        return gaussian_mixture(
            self.logits(hidden), self.means(hidden).view(shape), positive(self.sigmas(hidden)).view(shape)
        )

    def log_prob(self, y: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of ``targets`` (B, M) given ``y`` (B,) or (B, D), whose negative mean is equation 4; (B,).

        Equals ``self(y).log_prob(targets)``; where (B, K, M) is large, as for whole images, in a tenth of the time and
        in memory of a few (B, M).
        """
        if len(y) * self.shape.components * self.shape.dimension <= DISTRIBUTIONS_UP_TO:
            return self(y).log_prob(targets)
        hidden = self._trunk(y)
        sizes = (self.shape.components, self.shape.dimension)
        heads = [
            part for head in (self.means, self.sigmas) for part in (head.weight.view(*sizes, -1), head.bias.view(sizes))
        ]
        densities = pixel_log_densities(hidden, targets, tuple(heads))
        return torch.logsumexp(torch.log_softmax(self.logits(hidden), dim=1) + densities, dim=1)

    def measure_norms(self, y: torch.Tensor) -> None:
        """See ``ConditionalDensity.measure_norms``."""
        with measuring(self.train()):
            self._trunk(y)

    def _trunk(self, y: torch.Tensor) -> torch.Tensor:
        """The densely connected layers: (B,) or (B, D) to (B, width)."""
        inputs = y.reshape(len(y), -1)
        output = inputs
        for dense, norm in zip(self.dense, self.norms, strict=True):
            output = torch.relu(norm(dense(inputs)))
            inputs = torch.cat([output, inputs], dim=1)
        return output


def mixture_at(mdn: MixtureDensityNetwork, y: np.ndarray) -> MixtureSameFamily:
    """The mixtures that a fitted network predicts for properties (B,) or (B, D), with batch norm at inference.

    It is computed in float64, so that every processor draws the same designs from the same weights.
    """
    exact = copy.deepcopy(mdn).double().eval()
    with torch.no_grad():
        return exact(torch.as_tensor(y, dtype=torch.float64))


def sample(
    mdn: MixtureDensityNetwork,
    target: float | Target,
    count: int,
    seed: np.random.SeedSequence,
    sampling: Sampling = "component",
) -> np.ndarray:
    """Draw ``count`` vectors for the wanted property; see ``sample_mixture``, and ``conditions`` for a range.

    Returns
    -------
    np.ndarray
        float32, (count, M).
    """
    return sample_mixture(mixture_at(mdn, conditions(mdn, target, count, seed)), count, seed, sampling)


def save_mdn(mdn: MixtureDensityNetwork, path: Path) -> None:
    """Write sizes and weights to ``path``, a file that ``load_mdn`` reads without unpickling code."""
    torch.save({"shape": asdict(mdn.shape), "state": mdn.state_dict(), "known": mdn.known}, path)


def load_mdn(path: Path) -> MixtureDensityNetwork:
    """Read a network that ``save_mdn`` wrote; it comes in evaluation mode, on the CPU."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    mdn = MixtureDensityNetwork(MdnShape(**content["shape"]), torch.Generator())
    mdn.load_state_dict(content["state"])
    mdn.known = content["known"]
    return mdn.eval()
