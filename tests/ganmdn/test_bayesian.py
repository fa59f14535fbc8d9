from __future__ import annotations

import logging
import random
import warnings

import numpy as np
import pytest
import torch

from ganmdn import bayesian
from ganmdn.bayesian import suggest

pytestmark = pytest.mark.long  # Ax takes seconds to load
SEED = np.random.SeedSequence(11, spawn_key=(2,))
TARGET = 0.72


def simulate(z: np.ndarray) -> np.ndarray:
    """A smooth property of four latents, between about 0.5 and 0.8; ``TARGET`` is far from its mean."""
    return 0.65 + 0.1 * np.sin(2 * z[:, 0]) * z[:, 1] + 0.05 * z[:, 2] - 0.04 * z[:, 3] ** 2


def start(count: int) -> tuple[np.ndarray, np.ndarray]:
    z = np.random.default_rng(0).uniform(-1, 1, (count, 4))
    return z, simulate(z)


def optimise(z: np.ndarray, y: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    for _ in range(rounds):
        new = suggest(z, y, TARGET, 2, SEED).z
        z, y = np.concatenate([z, new]), np.concatenate([y, simulate(new)])
    return z, y


def test_it_beats_random_search() -> None:
    z, y = start(16)
    _, found = optimise(z, y, rounds=4)
    random_z = np.random.default_rng(1).uniform(-1, 1, (200, 8, 4))
    chance = [np.abs(np.concatenate([y, simulate(draw)]) - TARGET).min() for draw in random_z]
    assert np.abs(found - TARGET).min() < np.quantile(chance, 0.1)


def test_an_interrupted_optimisation_goes_on_as_if_it_had_not_been() -> None:
    whole, _ = optimise(*start(12), rounds=3)
    first, y = optimise(*start(12), rounds=1)
    torch.rand(5), np.random.rand(5), random.random()
    resumed, _ = optimise(first, y, rounds=2)
    np.testing.assert_array_equal(resumed, whole)


def test_suggestions_differ_by_seed_and_stay_in_the_box() -> None:
    z, y = start(12)
    z = 0.25 + 0.25 * z
    draws = [suggest(z, y, TARGET, 3, np.random.SeedSequence(key), 0.0, 0.5).z for key in (0, 1)]
    assert not np.array_equal(*draws)
    assert all(draw.min() >= 0 and draw.max() <= 0.5 for draw in draws)
    assert len(np.unique(draws[0], axis=0)) == 3


def test_global_generators_loggers_and_warnings_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    z, y = start(12)
    logger = logging.getLogger("ax")
    before = (torch.random.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate())
    settings = (logger.propagate, [handler.level for handler in logger.handlers])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        suggest(z, y, TARGET, 1, SEED)
    assert capsys.readouterr() == ("", "")
    assert before == (
        torch.random.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),
        random.getstate(),
    )
    assert settings == (logger.propagate, [handler.level for handler in logger.handlers])


def test_observations_attached_at_once_equal_trials_completed_one_by_one() -> None:
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig
    from ax.utils.common.random import with_rng_seed

    z, y = start(14)
    names = [f"z{index}" for index in range(4)]
    state = int(np.random.SeedSequence(11, spawn_key=(2, 14)).generate_state(1, np.uint32)[0])
    with bayesian._quiet():
        client = Client()
        client.configure_experiment([RangeParameterConfig(name, (-1.0, 1.0), "float") for name in names])
        client.configure_optimization(objective="-error")
        for row, value in zip(z.tolist(), y.tolist(), strict=True):
            trial = client.attach_trial(dict(zip(names, row, strict=True)))
            client.complete_trial(trial, {"error": (abs(value - TARGET), 0.0)})
        with with_rng_seed(state):
            [[run]] = bayesian._strategy().gen(client._experiment, n=2)
    expected = np.array([[arm.parameters[name] for name in names] for arm in run.arms])
    np.testing.assert_allclose(suggest(z, y, TARGET, 2, SEED).z, expected, atol=1e-9)


def test_failed_simulations_are_kept_away_from() -> None:
    z, y = start(14)
    best = suggest(z, y, TARGET, 1, SEED).z
    z, y = np.concatenate([z, best]), np.append(y, np.nan)
    following = suggest(z, y, TARGET, 1, SEED).z
    assert np.abs(following - best).max() > 0.05


def test_missing_suggestions_are_filled_from_sobol_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from ax.generation_strategy.generation_strategy import GenerationStrategy

    z, y = start(12)
    given = GenerationStrategy.gen
    monkeypatch.setattr(GenerationStrategy, "gen", lambda self, experiment, n: given(self, experiment, n=1))
    first, second = suggest(z, y, TARGET, 4, SEED), suggest(z, y, TARGET, 4, SEED)
    assert first.z.shape == (4, 4)
    assert first.from_sobol == 3
    np.testing.assert_array_equal(first.z, second.z)
    assert np.abs(first.z).max() <= 1


def test_without_any_success_everything_comes_from_sobol() -> None:
    z, y = start(5)
    suggestions = suggest(z, np.full_like(y, np.nan), TARGET, 3, SEED)
    assert suggestions.from_sobol == 3
    assert len(np.unique(suggestions.z, axis=0)) == 3


def test_refusals_name_the_argument() -> None:
    z, y = start(5)
    with pytest.raises(ValueError, match=r"z must have shape \(n, M\) and y \(n,\), got \(5, 2, 2\) and \(5,\)"):
        suggest(z.reshape(5, 2, 2), y, TARGET, 1, SEED)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        suggest(z, y, TARGET, 0, SEED)
    with pytest.raises(ValueError, match=r"low must be below high, got low 1\.0, high -1\.0"):
        suggest(z, y, TARGET, 1, SEED, 1.0, -1.0)
    with pytest.raises(ValueError, match="target must be finite, got nan"):
        suggest(z, y, float("nan"), 1, SEED)
    with pytest.raises(ValueError, match=r"low must be below high, got low -inf, high 1\.0"):
        suggest(z, y, TARGET, 1, SEED, -np.inf, 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_latents_that_are_not_finite_are_refused(value: float) -> None:
    z, y = start(5)
    z[3, 1] = value
    with pytest.raises(ValueError, match=r"z must be finite, 1 of 5 rows are not \(first: 3, "):
        suggest(z, y, TARGET, 1, SEED)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_properties_are_refused(value: float) -> None:
    z, y = start(5)
    y[2:4] = np.nan, value  # NaN tells a failed simulation, and is no reason to refuse
    with pytest.raises(
        ValueError, match=rf"NaN where the simulation failed, 1 of 5 are infinite \(first: 3, {value}\)"
    ):
        suggest(z, y, TARGET, 1, SEED)
