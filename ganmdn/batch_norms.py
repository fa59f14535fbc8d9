"""Batch norms at inference: statistics of the weights that they are used with, not averages from the way there."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganmdn.networks import Generator


@contextmanager
def measuring(network: nn.Module) -> Iterator[None]:
    """Within, batch norms take for their statistics the plain mean over what passes through a network in training mode.

    The running averages of a training, which the defaults of TensorFlow and Keras let a hundred updates lag behind,
    belong to other weights than the ones they are used with.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    try:
        with torch.no_grad():
            yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def with_measured_norms(generator: Generator, batches: Iterable[Tensor]) -> Generator:
    """Copy of ``generator`` whose batch norms hold the statistics of ``batches``, in evaluation mode.

    After a few hundred updates running averages alone shifted the volume fractions by a standard deviation; after many
    thousand it no longer matters. The original is left as it is.

    Parameters
    ----------
    generator
        The network, on any device.
    batches
        Latent variables (B, 1, h, w) on its device, as in training: the mean of the batches' statistics is taken.
    """
    measured = copy.deepcopy(generator).train()
    with measuring(measured):
        for z in batches:
            measured(z)
    return measured.eval()
