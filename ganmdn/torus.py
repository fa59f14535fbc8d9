"""Maps on a torus, with a border from the opposite side, as convolutions take them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


def wrapped(maps: Tensor, border: int) -> Tensor:
    """Maps (B, C, H, W) with ``border`` cells from the opposite side all around, (B, C, H + 2 border, W + 2 border).

    The same as torch's circular padding, whose backward pass fills and copies a whole batch of maps for each of its
    five slices and takes longer than the convolutions between them.
    """
    return _Wrapped.apply(maps, border)


class _Wrapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, border: int) -> Tensor:
        ctx.border = border
        return functional.pad(maps, (border,) * 4, mode="circular")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        border = ctx.border
        columns = [_folded(part, border) for part in _ends(gradient, border, 3)]
        maps = _folded(gradient.narrow(3, border, gradient.shape[3] - 2 * border), border)
        for place, column in zip(_ends(maps, border, 3), reversed(columns), strict=True):
            place.add_(column)
        return maps, None


def _ends(maps: Tensor, border: int, side: int) -> tuple[Tensor, Tensor]:
    """The first and the last ``border`` cells along a side."""
    return maps.narrow(side, 0, border), maps.narrow(side, maps.shape[side] - border, border)


def _folded(maps: Tensor, border: int) -> Tensor:
    """Maps whose first and last ``border`` rows are added to the rows that they were taken from."""
    layout = torch.channels_last if maps.stride(1) == 1 else torch.contiguous_format
    inner = maps.narrow(2, border, maps.shape[2] - 2 * border).clone(memory_format=layout)
    for place, rows in zip(_ends(inner, border, 2), reversed(_ends(maps, border, 2)), strict=True):
        place.add_(rows)
    return inner
