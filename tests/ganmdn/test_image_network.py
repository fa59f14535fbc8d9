from __future__ import annotations

import numpy as np
import pytest
import torch

from ganmdn.forward_config import NetworkShape
from ganmdn.image_network import SYMMETRIES, ImageNetwork, low_passed, turned


def images(count: int, size: int) -> np.ndarray:
    return (np.random.default_rng(0).random((count, size, size)) < 0.3).astype(np.uint8)


def test_low_passed_images_keep_the_orders_below_the_cut() -> None:
    full = images(3, 32)
    small = low_passed(full, 4)
    assert small.shape == (3, 8, 8)
    assert small.dtype == np.float32
    before, after = np.fft.fft2(full) / 32**2, np.fft.fft2(small) / 8**2
    for order in ((0, 0), (1, 0), (-3, 2), (3, -3)):
        np.testing.assert_allclose(after[:, *order], before[:, *order], atol=1e-6)
    np.testing.assert_allclose(after[:, 4, :], 0, atol=1e-6)


def test_a_side_that_no_grid_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="a side that is a multiple of 8 for cell_px 4"):
        low_passed(images(1, 36), 4)


def test_the_eight_symmetries_are_different_and_keep_the_image_together() -> None:
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    all_turned = {tuple(turned(image, symmetry).flatten().tolist()) for symmetry in range(SYMMETRIES)}
    assert len(all_turned) == SYMMETRIES
    rotated = tuple(image.rot90(1, (2, 3)).flatten().tolist())
    assert rotated in all_turned
    assert torch.equal(turned(image, 0), image)


def test_the_network_does_not_see_shifts_by_its_stride() -> None:
    network = ImageNetwork(NetworkShape(channels=4, blocks=2), torch.Generator().manual_seed(0)).eval()
    grids = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network(grids.roll((2, -4), (2, 3))), network(grids))
        assert not torch.allclose(network(grids.flip(2)), network(grids), rtol=1e-3)


def test_weights_are_decided_by_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (
        ImageNetwork(NetworkShape(channels=4), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert not torch.equal(first.stem.convolution.weight, other.stem.convolution.weight)
