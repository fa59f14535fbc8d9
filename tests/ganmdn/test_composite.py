from __future__ import annotations

import numpy as np
import pytest
import torch

from ganmdn.composite import log_expected_improvement, sampled_log_improvement, suggest
from ganmdn.targets import Target

SEED = np.random.SeedSequence(11, spawn_key=(2,))
TARGETS = (0.55, 0.65, 0.75)


def simulate(z: np.ndarray) -> np.ndarray:
    """A smooth property of four latents; few latents of the box come near 0.75."""
    return 0.65 + 0.1 * np.sin(2 * z[:, 0]) * z[:, 1] + 0.05 * z[:, 2] - 0.04 * z[:, 3] ** 2


def start(count: int) -> tuple[np.ndarray, np.ndarray]:
    z = np.random.default_rng(0).uniform(-1, 1, (count, 4))
    return z, simulate(z)


def errors(y: np.ndarray) -> np.ndarray:
    return np.array([np.abs(y - target).min() for target in TARGETS])


@pytest.mark.long
def test_every_target_is_reached_with_simulations_that_all_share() -> None:
    z, y = start(20)
    for _ in range(5):
        new = suggest(z, y, TARGETS, SEED)
        z, y = np.concatenate([z, new]), np.append(y, simulate(new))
    chance = [errors(simulate(np.random.default_rng(k).uniform(-1, 1, (len(y), 4)))) for k in range(100)]
    assert (errors(y) < np.quantile(chance, 0.1, axis=0)).all()


@pytest.mark.long
def test_several_properties_and_ranges_are_reached_too() -> None:
    def both(z: np.ndarray) -> np.ndarray:
        return np.column_stack([simulate(z), 0.5 + 0.2 * np.tanh(z[:, 0]) + 0.1 * z[:, 2]])

    target = Target.parse("0.7..,..0.45")
    z, _ = start(20)
    y = both(z)
    for _ in range(6):
        new = suggest(z, y, [target] * 2, SEED)
        z, y = np.concatenate([z, new]), np.concatenate([y, both(new)])
    others = [both(np.random.default_rng(k).uniform(-1, 1, (len(y), 4))) for k in range(100)]
    chance = [target.distance(other).min() for other in others]
    assert target.distance(y).min() <= np.quantile(chance, 0.2)


def test_sampled_improvement_is_the_closed_form_of_one_value() -> None:
    mean, deviation = torch.tensor([0.5, 0.6, 0.68]).double(), torch.tensor([0.05, 0.03, 0.01]).double()
    sampled = sampled_log_improvement(mean[:, None], deviation[:, None], Target.of(0.65), 0.05)
    exact = log_expected_improvement(mean, deviation, 0.65, 0.05)
    torch.testing.assert_close(sampled.exp(), exact.exp(), atol=5e-4, rtol=0.05)


def test_the_same_is_suggested_again_whatever_was_drawn_between_and_another_seed_differs() -> None:
    z, y = start(12)
    first = suggest(z, y, TARGETS, SEED)
    state = torch.random.get_rng_state()
    np.testing.assert_array_equal(suggest(z, y, TARGETS, SEED), first)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not np.array_equal(suggest(z, y, TARGETS, np.random.SeedSequence(1)), first)


def test_a_batch_for_one_target_is_of_different_latents_within_the_box() -> None:
    z, y = start(12)
    new = suggest(0.25 + 0.25 * z, y, [0.7] * 4, SEED, 0.0, 0.5)
    assert new.min() >= 0
    assert new.max() <= 0.5
    assert min(np.linalg.norm(a - b) for i, a in enumerate(new) for b in new[:i]) > 1e-3


@pytest.mark.parametrize("best", [0.05, 1e-3, 1e-6])
@pytest.mark.parametrize("mean", [0.6, 0.62, 0.7])
def test_the_improvement_is_the_integral(mean: float, best: float) -> None:
    y, step = np.linspace(0.6 - best, 0.6 + best, 20001, retstep=True)
    density = np.exp(-(((y - mean) / 0.02) ** 2) / 2) / (0.02 * np.sqrt(2 * np.pi))
    expected = np.sum((best - np.abs(y - 0.6)) * density) * step
    found = log_expected_improvement(torch.tensor([mean]).double(), torch.tensor([0.02]).double(), 0.6, best)
    assert found.item() == pytest.approx(np.log(expected), abs=1e-4)


def test_failed_simulations_are_kept_away_from() -> None:
    z, y = start(14)
    for _ in range(3):
        new = suggest(z, y, [0.7], SEED)
        assert not len(z[14:]) or np.linalg.norm(z[14:] - new, axis=1).min() > 0.05
        z, y = np.concatenate([z, new]), np.append(y, np.nan)


def test_without_any_success_suggestions_spread_and_nonsense_is_refused() -> None:
    z, y = start(5)
    assert len(np.unique(suggest(z, np.full(5, np.nan), TARGETS, SEED), axis=0)) == 3
    with pytest.raises(ValueError, match="aims must be targets, at least one, got none"):
        suggest(z, y, [], SEED)
    with pytest.raises(ValueError, match="target must be finite, got nan"):
        suggest(z, y, [np.nan], SEED)
