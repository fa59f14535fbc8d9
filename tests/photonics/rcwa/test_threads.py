from __future__ import annotations

import numpy as np
import pytest
import torch

from photonics.rcwa import Numerics, linear, solve
from photonics.rcwa.numerics import Solver
from photonics.rcwa.threads import one_thread, side_by_side
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
    assert set(seen) == {(1, 8), (1, 2)}  # chunks of the batch, on either thread
    assert torch.get_num_threads() == 2
    slow = solve(silicon_on_metal, images, Numerics(4, solver="eigen"))
    np.testing.assert_allclose(fast.layer_absorption, slow.layer_absorption, atol=1e-9)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("solver", ["transfer", "preconditioned", "eigen"])
def test_numbers_do_not_depend_on_the_number_of_threads(silicon_on_metal: Stack, make_image, solver: Solver) -> None:
    images, numerics = np.stack([make_image(seed) for seed in range(9)]), Numerics(4, solver=solver)
    on_two = solve(silicon_on_metal, images, numerics)
    with one_thread():
        on_one = solve(silicon_on_metal, images, numerics)
    np.testing.assert_array_equal(on_two.layer_absorption, on_one.layer_absorption)


def test_results_come_in_order_and_the_first_error_is_raised() -> None:
    def root(item: int) -> float:
        if item < 0:
            raise ValueError(f"no root of {item}")
        return item**0.5

    assert side_by_side(root, [9, 4, 1], 2) == [3, 2, 1]
    with pytest.raises(ValueError, match="no root of -1"):
        side_by_side(root, [1, -1, -2, 4], 2)
