from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

flow_posterior = pytest.importorskip("ganmdn.flow_posterior", reason="zuko is not installed", exc_type=ImportError)

from ganmdn.density_config import FlowTraining  # noqa: E402
from ganmdn.flow_posterior import FlowPosterior, FlowShape, LatentFlow, fit_flow_posterior  # noqa: E402

SEED = np.random.SeedSequence(2)
QUICK = FlowTraining(transforms=2, width=32, learning_rate=5e-3, max_epochs=2)
SHAPE = FlowShape(2, transforms=2, bins=4, width=8, low=-1.0, high=3.0, y_mean=(0.6,), y_scale=(0.1,))


def generate(z: np.ndarray) -> np.ndarray:
    return np.zeros((len(z), 4, 4), np.uint8)


def draw_problem(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """y is the mean of two latents, so that p(z | y) lies along a line of the box."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1, 1, (count, 1, 2))
    return z.mean(axis=(1, 2)) + 0.05 * rng.standard_normal(count), z


@pytest.mark.long
def test_the_density_integrates_to_one_over_the_box() -> None:
    flow = LatentFlow(SHAPE, torch.Generator().manual_seed(0)).double()
    side = torch.linspace(-1, 3, 802, dtype=torch.float64)[:-1] + 2 / 801
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        density = flow.log_prob(torch.full((len(grid),), 0.7, dtype=torch.float64), grid).exp()
    assert density.mean().item() * 16 == pytest.approx(1, abs=0.01)


def test_latents_are_drawn_from_the_density() -> None:
    flow = LatentFlow(SHAPE, torch.Generator().manual_seed(0)).double()
    noise = torch.randn(4000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        z = flow.latents(torch.tensor([0.7], dtype=noise.dtype), noise)
        drawn = flow.log_prob(torch.full((4000,), 0.7, dtype=torch.float64), z)
    assert -1 <= z.min() < z.max() <= 3
    # The mean of 1 / p over draws from p is the box's area.
    assert (-drawn).exp().mean().item() == pytest.approx(16, rel=0.1)


@pytest.mark.long
def test_it_learns_a_posterior_that_is_known() -> None:
    y, z = draw_problem(1500, 0)
    config = FlowTraining(transforms=2, width=32, learning_rate=5e-3, max_epochs=40, patience=10)
    model, _ = fit_flow_posterior(y, z, generate, (-1, 1), config, SEED)
    for target in (-0.4, 0.3):
        means = model.design(target, 400, SEED).z.mean(axis=(1, 2))
        assert means.mean() == pytest.approx(target, abs=0.03)
        assert means.std() == pytest.approx(0.05, abs=0.03)
        assert np.ptp(model.design(target, 400, SEED).z[:, 0, 0]) > 0.8, "all along the line"


def test_building_leaves_the_global_generator_alone_and_weights_follow_their_own() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (LatentFlow(SHAPE, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    states = [torch.cat([tensor.flatten() for tensor in flow.state_dict().values()]) for flow in (first, again, other)]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_labels_on_the_edge_of_the_box_have_a_finite_likelihood(tmp_path: Path) -> None:
    y, z = draw_problem(200, 1)
    z[:3] = [[[-1.0, 1.0]]]
    model, fit = fit_flow_posterior(y, z, generate, (-1, 1), QUICK, SEED)
    assert np.isfinite(fit.validation_loss).all()
    model.save(tmp_path)
    loaded = FlowPosterior.load(tmp_path, (1, 2), generate)
    np.testing.assert_array_equal(loaded.design(0.2, 9, SEED).z, model.design(0.2, 9, SEED).z)


def test_refusals_name_the_argument() -> None:
    y, z = draw_problem(200, 1)
    with pytest.raises(ValueError, match=r"z must lie in the prior's box from 0 to 1, got -0\.\d+"):
        fit_flow_posterior(y, z, generate, (0, 1), QUICK, SEED)
    with pytest.raises(ValueError, match=r"z must have shape \(n, h, w\), got \(200, 2\)"):
        fit_flow_posterior(y, z[:, 0], generate, (-1, 1), QUICK, SEED)
    with pytest.raises(ValueError, match="bins must be at least 2, got 1"):
        FlowTraining(bins=1)
    model = FlowPosterior(LatentFlow(SHAPE, torch.Generator()), (1, 2), generate)
    with pytest.raises(ValueError, match="target must be finite, got nan"):
        model.design(float("nan"), 3, SEED)
    with pytest.raises(ValueError, match=r"latent_shape must hold the flow's 2 dimensions, got \(2, 2\)"):
        FlowPosterior(LatentFlow(SHAPE, torch.Generator()), (2, 2), generate)
