from __future__ import annotations

import numpy as np
import pytest
import torch

from photonics.rcwa import Numerics, linear, solve
from photonics.rcwa.threads import one_thread
from photonics.stack import Stack


@pytest.mark.usefixtures("two_threads")
def test_threads_are_restored_even_after_an_error() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_every_matrix_is_factorised_on_one_thread(
    monkeypatch: pytest.MonkeyPatch, silicon_on_metal: Stack, make_image
) -> None:
    seen = []
    factorise = torch.linalg.lu_factor_ex

    def spy(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.append((torch.get_num_threads(), len(matrix)))
        return factorise(matrix)

    monkeypatch.setattr(linear.torch.linalg, "lu_factor_ex", spy)
    images = np.stack([make_image(seed) for seed in range(10)])
    fast = solve(silicon_on_metal, images, Numerics(4, solver="transfer"))
    assert set(seen) == {(1, 8), (1, 2)}  # chunks of the batch
    assert torch.get_num_threads() == 2
    slow = solve(silicon_on_metal, images, Numerics(4, solver="eigen"))
    np.testing.assert_allclose(fast.layer_absorption, slow.layer_absorption, atol=1e-9)
