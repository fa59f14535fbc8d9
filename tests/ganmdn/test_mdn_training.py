from __future__ import annotations

import numpy as np
import pytest
import torch

from ganmdn.mdn import MdnShape, MixtureDensityNetwork, mixture_at, sample
from ganmdn.mdn_training import MdnTraining, fit_mdn
from ganmdn.mixture import sample_mixture
from ganmdn.targets import Target

QUICK = MdnTraining(components=4, max_epochs=5, batch_size=64)


def draw_problem(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """z = +y or -y with equal chance, plus noise of standard deviation 0.1: p(z | y) is known in closed form."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(0.3, 1.0, count)
    sign = rng.choice([-1.0, 1.0], count)
    return y, (sign * y + 0.1 * rng.standard_normal(count))[:, None]


def true_loss(y: np.ndarray, z: np.ndarray) -> float:
    densities = [np.exp(-0.5 * ((z[:, 0] - s * y) / 0.1) ** 2) / (0.1 * np.sqrt(2 * np.pi)) for s in (-1, 1)]
    return -float(np.log(0.5 * densities[0] + 0.5 * densities[1]).mean())


@pytest.fixture(scope="module")
def fitted() -> object:
    y, z = draw_problem(2500, seed=0)
    config = MdnTraining(components=4, learning_rate=5e-3, max_epochs=150)
    return fit_mdn(y, z, config, np.random.SeedSequence(1))


@pytest.mark.long
def test_loss_on_new_data_comes_near_the_entropy_of_the_problem(fitted: object) -> None:
    y, z = draw_problem(4000, seed=9)
    with torch.no_grad():
        loss = -fitted.network.log_prob(torch.tensor(y).float(), torch.tensor(z).float()).mean().item()
    assert true_loss(y, z) - 0.02 < loss < true_loss(y, z) + 0.12


@pytest.mark.long
def test_of_several_properties_each_tells_of_its_latent_and_a_range_draws_what_labels_have() -> None:
    y = np.random.default_rng(3).uniform(0.2, 0.8, (600, 2))
    config = MdnTraining(components=2, learning_rate=1e-2, max_epochs=80, batch_size=64)
    network = fit_mdn(y, y[:, ::-1] * 2, config, np.random.SeedSequence(1)).network
    assert network.shape.inputs == 2
    drawn = sample(network, Target.of([0.3, 0.7]), 400, np.random.SeedSequence(2))
    np.testing.assert_allclose(drawn.mean(axis=0), [1.4, 0.6], atol=0.12)
    wide = sample(network, Target.parse("0.3,0.4.."), 400, np.random.SeedSequence(2))
    assert 0.9 < np.quantile(wide[:, 0], 0.2) < np.quantile(wide[:, 0], 0.8) < 1.6
    assert wide[:, 0].std() > 1.5 * drawn[:, 0].std()
    np.testing.assert_allclose(wide[:, 1].mean(), 0.6, atol=0.12)


def test_a_network_without_labels_knows_no_ranges() -> None:
    network = fit_mdn(*draw_problem(200, 1), QUICK, np.random.SeedSequence(1)).network
    network.known = None
    with pytest.raises(ValueError, match="target must be a value for a network whose labels are not known"):
        sample(network, Target.parse("0.5.."), 3, np.random.SeedSequence(1))


@pytest.mark.long
@pytest.mark.parametrize("y", [0.5, 0.65, 0.9])
def test_posterior_has_both_modes_and_the_right_moments(fitted: object, y: float) -> None:
    mixture = mixture_at(fitted.network, np.array([y]))
    assert mixture.mean.item() == pytest.approx(0.0, abs=0.12)
    assert mixture.variance.item() == pytest.approx(y**2 + 0.01, rel=0.12)
    samples = sample_mixture(mixture, 4000, np.random.SeedSequence(3))[:, 0]
    for mode in (samples[samples > 0], -samples[samples < 0]):
        assert mode.mean() == pytest.approx(y, abs=0.08)
        assert mode.std() == pytest.approx(0.1, abs=0.05)


def test_same_seed_same_fit_and_no_global_draws() -> None:
    y, z = draw_problem(400, seed=2)
    before = torch.random.get_rng_state()
    first, second, other = (fit_mdn(y, z, QUICK, np.random.SeedSequence(key)) for key in (4, 4, 5))
    np.testing.assert_array_equal(first.validation_loss, second.validation_loss)
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])
    assert not np.array_equal(first.validation_loss, other.validation_loss)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_fit_is_that_of_a_plain_loop_bit_for_bit() -> None:
    y, z = draw_problem(200, seed=1)
    seed, config = np.random.SeedSequence(6), MdnTraining(components=4, max_epochs=4, batch_size=32)
    order = np.random.default_rng(seed).permutation(200)
    train, held_out = (
        (torch.tensor(y[rows]).float(), torch.tensor(z[rows]).float()) for rows in (order[20:], order[:20])
    )
    weights = torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
    network = MixtureDensityNetwork(MdnShape(1, 4), weights)
    adam = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
    draws, losses = np.random.default_rng(seed.spawn(1)[0]), []
    for _ in range(4):
        network.train()
        for batch in torch.as_tensor(draws.permutation(180)).split(32):
            adam.zero_grad()
            (-network.log_prob(train[0][batch], train[1][batch]).mean()).backward()
            adam.step()
        network.measure_norms(train[0])
        with torch.no_grad():
            losses.append(-float(network.eval().log_prob(*held_out).sum()) / 20)
    fit = fit_mdn(y, z, config, np.random.SeedSequence(6))
    assert fit.validation_loss.tolist() == losses
    assert fit.best_epoch == 4
    for name, value in network.state_dict().items():
        assert torch.equal(value, fit.network.state_dict()[name])


def test_best_weights_are_restored_after_patience_runs_out() -> None:
    y, z = draw_problem(300, seed=3)
    config = MdnTraining(components=20, learning_rate=0.05, batch_size=32, patience=3, max_epochs=400)
    fit = fit_mdn(y, z, config, np.random.SeedSequence(0))
    assert len(fit.validation_loss) == fit.best_epoch + 3 < 400
    assert fit.best_epoch == 1 + int(fit.validation_loss.argmin())
    order = np.random.default_rng(np.random.SeedSequence(0)).permutation(300)[:30]
    with torch.no_grad():
        loss = -fit.network.log_prob(torch.tensor(y[order]).float(), torch.tensor(z[order]).float()).mean()
    assert loss.item() == pytest.approx(fit.validation_loss.min(), rel=1e-5)


def test_report_hears_every_epoch_and_may_stop_the_fit() -> None:
    y, z = draw_problem(300, seed=4)
    heard: list[tuple[int, dict[str, float]]] = []

    def stop_at_three(epoch: int, losses: dict[str, float]) -> None:
        heard.append((epoch, losses))
        if epoch == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit_mdn(y, z, QUICK, np.random.SeedSequence(0), stop_at_three)
    assert [epoch for epoch, _ in heard] == [1, 2, 3]
    uninterrupted = fit_mdn(y, z, QUICK, np.random.SeedSequence(0))
    assert [losses["validation_loss"] for _, losses in heard] == list(uninterrupted.validation_loss[:3])
    assert [losses["train_loss"] for _, losses in heard] == list(uninterrupted.train_loss[:3])


def test_last_batch_of_one_row_is_left_out() -> None:
    y, z = draw_problem(72, seed=5)  # 7 held out, 65 to train on: 64 and 1
    fit = fit_mdn(y, z, QUICK, np.random.SeedSequence(0))
    assert np.isfinite(fit.train_loss).all()


def test_failed_simulations_are_refused() -> None:
    y, z = draw_problem(300, seed=6)
    y[[7, 9]] = np.nan
    with pytest.raises(ValueError, match=r"y must be finite, 2 of 300 rows are not \(first: 7\); drop the failed"):
        fit_mdn(y, z, QUICK, np.random.SeedSequence(0))
    with pytest.raises(ValueError, match="targets must be finite, 1 of 300 rows"):
        fit_mdn(
            np.ones(300),
            np.where(np.arange(300) == 3, np.inf, 0.0)[:, None],
            QUICK,
            np.random.SeedSequence(0),
        )


def test_diverged_fit_is_an_error() -> None:
    y, z = draw_problem(300, seed=7)
    with pytest.raises(FloatingPointError, match="not finite in any of 1 epochs"):
        fit_mdn(y, 1e30 * z, QUICK, np.random.SeedSequence(0))


def test_other_refusals_name_the_argument() -> None:
    y, z = draw_problem(60, seed=8)
    seed = np.random.SeedSequence(0)
    with pytest.raises(ValueError, match="batch_size 64 for 60 labels of which 6 are held out"):
        fit_mdn(y, z, QUICK, seed)
    with pytest.raises(
        ValueError, match=r"y must have shape \(n,\) or \(n, D\) and targets \(n, M\), got \(60,\) and \(60,\)"
    ):
        fit_mdn(y, z[:, 0], QUICK, seed)
    with pytest.raises(ValueError, match="batch_size must be at least 2 for batch norm, got 1"):
        MdnTraining(batch_size=1)
    with pytest.raises(ValueError, match="validation_fraction must lie between 0 and 1, got 1"):
        MdnTraining(validation_fraction=1)
    with pytest.raises(ValueError, match="batch_size must be a multiple of workers with at least 2 labels for each, "):
        MdnTraining(batch_size=9, workers=2)
