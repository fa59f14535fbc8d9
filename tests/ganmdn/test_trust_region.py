from __future__ import annotations

import numpy as np
import pytest

from ganmdn.known_latents import KnownLatents
from ganmdn.trust_region import FIRST, LARGEST, replayed, suggest

SEED = np.random.SeedSequence(11, spawn_key=(2,))
TARGET = 0.75


def simulate(z: np.ndarray) -> np.ndarray:
    """A smooth property of four latents; few latents of the box come near 0.75."""
    return 0.65 + 0.1 * np.sin(2 * z[:, 0]) * z[:, 1] + 0.05 * z[:, 2] - 0.04 * z[:, 3] ** 2


def start(count: int) -> tuple[np.ndarray, np.ndarray]:
    z = np.random.default_rng(0).uniform(-1, 1, (count, 4))
    return z, simulate(z)


def history(error: list[float]) -> KnownLatents:
    """Points far apart, the errors of whose properties for 0 are given; two a batch after the first two."""
    return KnownLatents(np.linspace(0, 1, len(error))[:, None] * np.ones(4), np.array(error), 0.0, 1.0)


def test_it_comes_nearer_than_chance_and_asks_the_same_again() -> None:
    z, y = start(16)
    for _ in range(5):
        new = suggest(z, y, TARGET, 4, SEED, initial=16, batch=4)
        np.testing.assert_array_equal(suggest(z, y, TARGET, 4, SEED, initial=16, batch=4), new)
        assert len(np.unique(new, axis=0)) == 4
        assert np.abs(new).max() <= 1
        z, y = np.concatenate([z, new]), np.append(y, simulate(new))
    chance = [np.abs(simulate(np.random.default_rng(k).uniform(-1, 1, (36, 4))) - TARGET).min() for k in range(200)]
    assert np.abs(y - TARGET).min() < np.quantile(chance, 0.1)


def test_the_region_grows_with_success_and_shrinks_without() -> None:
    assert replayed(history([0.9, 0.8]), 0.0, 2, 2).side == FIRST
    better = [0.9, 0.8, 0.7, 0.75, 0.6, 0.65, 0.5, 0.55]
    grown = replayed(history(better), 0.0, 2, 2)
    assert grown.side == LARGEST
    np.testing.assert_array_equal(grown.centre, history(better).points[6])
    worse = [0.5, 0.8] + [0.9] * 4  # four suggestions without improvement
    assert replayed(history(worse), 0.0, 2, 2).side == FIRST / 2
    failed = [0.5, 0.8] + [np.nan] * 4
    assert replayed(history(failed), 0.0, 2, 2).side == FIRST / 2


def test_a_region_that_shrank_away_is_left_for_the_best_elsewhere() -> None:
    halvings = 7  # from 0.8 to below 2^-7
    error = [0.3, 0.8, *[0.9] * (4 * halvings - 1), 0.5]
    region = replayed(history(error), 0.0, 2, 2)
    assert region.side == FIRST
    np.testing.assert_array_equal(region.centre, history(error).points[-1])


def test_a_small_region_is_searched_alone() -> None:
    z, y = start(20)
    best = z[np.argmin(np.abs(y - TARGET))]
    z, y = np.concatenate([z, np.tile(-best, (24, 1))]), np.append(y, np.full(24, 0.3))
    new = suggest(z, y, TARGET, 4, SEED, initial=20, batch=4)
    assert np.abs(new - best).max(axis=1).min() < np.abs(new + best).max(axis=1).min()
    wide = suggest(z[:20], y[:20], TARGET, 4, SEED, initial=20, batch=4)
    assert np.abs(new - best).max() < np.abs(wide - best).max()


def test_without_any_success_suggestions_spread_and_nonsense_is_refused() -> None:
    z, y = start(5)
    assert len(np.unique(suggest(z, np.full(5, np.nan), TARGET, 3, SEED, initial=5, batch=3), axis=0)) == 3
    with pytest.raises(ValueError, match="target must be finite, got nan"):
        suggest(z, y, float("nan"), 1, SEED, initial=5, batch=1)
    with pytest.raises(ValueError, match="count and batch must be at least 1, got 0 and 1"):
        suggest(z, y, TARGET, 0, SEED, initial=5, batch=1)
