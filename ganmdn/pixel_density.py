"""Log densities of whole images under a network's Gaussians: the costly part of the direct MDN, by hand.

``torch.distributions`` would hold (B, K, M) numbers several times over, 84 MB each for a batch of 128 images of 64 x 64
pixels and 40 Gaussians, and take about ten times as long (``benchmarks/training_step.py``). Here the heads are
computed some pixels at a time, in pieces that stay in a processor's cache. Two facts save the rest: a product of four
standard deviations needs one logarithm, and in thousands of dimensions nearly every image has one Gaussian whose
share of its likelihood is not zero in float32, so that the backward pass visits few of the (image, Gaussian) pairs.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.autograd.function import once_differentiable

SIGMA_FLOOR = 1e-8
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
ELEMENTS_AT_ONCE = 2**17  # of a (B, pixels) piece: 0.5 MiB in float32
FOLDS = 2  # 2^2 standard deviations to one logarithm: their product stays above float32's smallest, 1e-38

Heads = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Weights (K, M, width) and biases (K, M) of the head of means, then those of the head of standard deviations."""


def positive(raw: torch.Tensor) -> torch.Tensor:
    """ELU + 1 + 1e-8, written so that small values keep their digits: ELU itself rounds to -1 below about -17."""
    return raw.clamp(min=SIGMA_FLOOR) + raw.clamp(max=0).exp_()


def pixel_log_densities(hidden: torch.Tensor, targets: torch.Tensor, heads: Heads) -> torch.Tensor:
    """Log density of each image under each Gaussian, phi of equation 3 in the paper.

    Parameters
    ----------
    hidden
        (B, width), outputs of the network's last hidden layer.
    targets
        (B, M), images as rows of pixels; no gradient reaches them.
    heads
        Of means and, before :func:`positive`, of standard deviations.

    Returns
    -------
    torch.Tensor
        (B, K).
    """
    return _PixelLogDensities.apply(hidden, targets, *heads)


class _PixelLogDensities(torch.autograd.Function):
    """Saves no more than its inputs; the backward pass computes again what it needs."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        targets: torch.Tensor,
        *heads: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(hidden, targets, *heads)
        components, dimension = heads[1].shape
        densities = hidden.new_full((len(hidden), components), -HALF_LOG_TWO_PI * dimension)
        step = max(2**FOLDS, ELEMENTS_AT_ONCE // len(hidden))
        for start in range(0, dimension, step):
            pixels = slice(start, start + step)
            wanted = targets[:, pixels].contiguous()
            for component in range(components):
                deviation, sigma = _deviations(hidden, wanted, [head[component, pixels] for head in heads])
                half_square = torch.linalg.vector_norm(deviation.div_(sigma), dim=1).square_().mul_(0.5)
                densities[:, component] -= half_square.add_(_log_sum(sigma))
        return densities

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden, targets, *heads = ctx.saved_tensors
        to_hidden, to_heads = torch.zeros_like(hidden), [torch.zeros_like(head) for head in heads]
        for component in range(gradient.shape[1]):
            rows = gradient[:, component].nonzero().flatten()
            if not len(rows):
                continue
            factor, fed, wanted = gradient[rows, component, None], hidden[rows], targets[rows]
            derivatives = _derivatives(fed, wanted, [head[component] for head in heads])
            for position, derivative in zip((0, 2), derivatives, strict=True):
                to_output = derivative.mul_(factor)
                torch.mm(to_output.T, fed, out=to_heads[position][component])
                torch.sum(to_output, 0, out=to_heads[position + 1][component])
                to_hidden.index_add_(0, rows, to_output @ heads[position][component])
        return to_hidden, None, *to_heads


def _deviations(
    hidden: torch.Tensor, targets: torch.Tensor, heads: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Means minus ``targets``, and standard deviations, under one Gaussian; each (B, pixels)."""
    mean_weight, mean_bias, sigma_weight, sigma_bias = heads
    sigma = positive(torch.addmm(sigma_bias, hidden, sigma_weight.T))
    return torch.addmm(mean_bias, hidden, mean_weight.T).sub_(targets), sigma


def _log_sum(sigma: torch.Tensor) -> torch.Tensor:
    """Sum of logarithms over the last axis, of products of 2^FOLDS values."""
    rest = torch.zeros((), dtype=sigma.dtype, device=sigma.device)
    for _ in range(FOLDS):
        half = sigma.shape[1] // 2
        if sigma.shape[1] % 2:
            rest = rest + sigma[:, -1].log()
        sigma = sigma[:, :half] * sigma[:, half : 2 * half]
    return sigma.log().sum(1) + rest


def _derivatives(
    hidden: torch.Tensor, targets: torch.Tensor, heads: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivatives of one Gaussian's log densities by its means and by its raw standard deviations, each (B, M)."""
    mean_weight, mean_bias, sigma_weight, sigma_bias = heads
    slope = torch.addmm(sigma_bias, hidden, sigma_weight.T)
    small = slope.clamp(max=0).exp_()  # also the derivative of positive(): 1 above 0, exp(raw) below
    inverse = slope.clamp_(min=SIGMA_FLOOR).add_(small).reciprocal_()
    deviation = torch.addmm(mean_bias, hidden, mean_weight.T).sub_(targets).mul_(inverse)
    by_sigma = (deviation.square() - 1).mul_(inverse).mul_(small)
    return deviation.mul_(inverse).neg_(), by_sigma
