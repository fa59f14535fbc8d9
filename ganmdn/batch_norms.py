"""A generator's batch norms at inference: statistics of the finished weights, not averages from the way there."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganmdn.networks import Generator


def with_measured_norms(generator: Generator, batches: Iterable[Tensor]) -> Generator:
    """Copy of ``generator`` whose batch norms hold the statistics of ``batches``, in evaluation mode.

    The running averages of a training, which TensorFlow's defaults let a hundred updates lag behind, belong to other
    weights than the ones they are used with. After a few hundred updates that alone shifted the volume fractions by a
    standard deviation; after many thousand it no longer matters. The original is left as it is.

    Parameters
    ----------
    generator
        The network, on any device.
    batches
        Latent variables (B, 1, h, w) on its device, as in training: the mean of the batches' statistics is taken.
    """
    measured = copy.deepcopy(generator).train()
    for module in measured.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over batches
    with torch.no_grad():
        for z in batches:
            measured(z)
    return measured.eval()
