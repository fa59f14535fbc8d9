"""Precision and length of the transfer method's expansions, from the accuracy that is asked for, and what was reached.

The model of the error was measured against the eigen-solver on random stacks with up to 50 orders (thick, thin,
metallic, lossless, at resonances), in both precisions. With u the rounding unit, F the enhancement, the power of the
fields at the faces of the patterned layers over that of the incident light, and p the phase that light gathers in them,
errors were at most u (F + 4) (1 + p), 0.02 of that in the median, and those of the cut expansions at most 0.04 (F + 4)
of their tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from photonics.stack import PatternLayer, Stack

# Accuracy from which single precision is tried.
COARSE = 1e-5
# Errors in units of the model's terms.
ROUNDING, TAIL = 0.3, 0.05
# Tail of the expansions in units of the accuracy: enough up to an enhancement of some 70.
FIRST_TAIL = 0.25
# Least tail that is worth planning for.
LEAST_TAIL = 1e-14
# Enhancement of a stack without sharp resonances.
USUAL_ENHANCEMENT = 4.0


class Quality(NamedTuple):
    """What tells how good a solution is, (B,): the enhancement F, and the error of cos^2 + sin^2 = 1 in the layers."""

    enhancement: Tensor
    identity: Tensor


@dataclass(frozen=True)
class Arithmetic:
    """How a patterned layer is computed: complex type, and the largest error of an expansion before it is doubled."""

    dtype: torch.dtype
    tail: float

    def error(self, phase: float, quality: Quality) -> Tensor:
        """Estimated error of the absorbed fraction, (B,)."""
        rounding = ROUNDING * torch.finfo(self.dtype).eps * (1 + phase)
        return (quality.enhancement + 4) * (rounding + TAIL * self.tail + quality.identity)

    def refined(self, accuracy: float, phase: float, quality: Quality) -> Arithmetic | None:
        """What should reach ``accuracy`` where this did not, or None if nothing would come much nearer."""
        error = self.error(phase, quality)
        tail = max(self.tail * accuracy / error.max().item() / 10, LEAST_TAIL)
        better = Arithmetic(torch.complex128, tail)
        expected = better.error(phase, Quality(quality.enhancement, torch.zeros_like(quality.identity)))
        return better if bool((expected < error / 2).all()) else None


def double(accuracy: float) -> Arithmetic:
    """Double precision."""
    return Arithmetic(torch.complex128, FIRST_TAIL * accuracy)


def choose(accuracy: float, phase: float) -> Arithmetic:
    """Single precision where it should reach ``accuracy`` over so much phase, else double."""
    single = Arithmetic(torch.complex64, FIRST_TAIL * accuracy)
    expected = ROUNDING * torch.finfo(single.dtype).eps * (1 + phase) * (USUAL_ENHANCEMENT + 4)
    return single if accuracy >= COARSE and expected <= accuracy else double(accuracy)


def optical_phase(stack: Stack) -> float:
    """Phase that light gathers in the patterned layers before it is absorbed, in the clearer material of each."""

    def phase(thickness: float, index: complex) -> float:
        return thickness * index.real / (1 + thickness * index.imag)

    return sum(
        max(phase(stack.optical_thickness(layer), complex(index)) for index in (layer.white_index, layer.black_index))
        for layer in stack.layers
        if isinstance(layer, PatternLayer)
    )
