from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ganmdn.torus import wrapped


@pytest.mark.parametrize(("side", "border"), [(1, 1), (2, 2), (6, 1), (6, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_is_torchs_circular_padding_with_its_gradient(side: int, border: int, layout: torch.memory_format) -> None:
    draws = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, side, side + 1, generator=draws, dtype=torch.float64).contiguous(memory_format=layout)
    plain = maps.clone().requires_grad_(True)
    ours = maps.clone().requires_grad_(True)
    padded, wanted = wrapped(ours, border), functional.pad(plain, (border,) * 4, mode="circular")
    assert torch.equal(padded, wanted)
    received = torch.randn(padded.shape, generator=draws, dtype=torch.float64).contiguous(memory_format=layout)
    padded.backward(received)
    wanted.backward(received)
    torch.testing.assert_close(ours.grad, plain.grad)
