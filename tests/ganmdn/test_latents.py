from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganmdn.latents import draw_latents

SEED = np.random.SeedSequence(2020, spawn_key=(1,))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_a_row_depends_on_its_index_alone(indices: list[int]) -> None:
    together = draw_latents((3, 3), -1, 1, SEED, indices)
    alone = [draw_latents((3, 3), -1, 1, SEED, [index])[0] for index in indices]
    np.testing.assert_array_equal(together, np.stack(alone))


def test_latents_are_uniform_in_their_range_and_independent() -> None:
    z = draw_latents((2, 2), -1.0, 3.0, SEED, range(4000)).reshape(4000, 4)
    assert z.dtype == np.float32
    assert -1 <= z.min() < -0.99
    assert 2.99 < z.max() <= 3
    np.testing.assert_allclose(z.mean(axis=0), 1.0, atol=0.08)
    np.testing.assert_allclose(np.cov(z.T), np.eye(4) * 16 / 12, atol=0.09)
    neighbours = np.corrcoef(z[:-1].ravel(), z[1:].ravel())[0, 1]
    assert abs(neighbours) < 0.03


def test_seeds_and_their_children_differ() -> None:
    draws = [
        draw_latents((2, 2), -1, 1, seed, [0])
        for seed in (SEED, np.random.SeedSequence(2021, spawn_key=(1,)), np.random.SeedSequence(2020))
    ]
    assert len({draw.tobytes() for draw in draws}) == 3


def test_a_large_data_set_is_drawn_in_about_a_second() -> None:
    started = time.process_time()
    assert draw_latents((3, 3), -1, 1, SEED, range(18_000)).shape == (18_000, 3, 3)
    assert time.process_time() - started < 3


def test_refusals_name_the_argument() -> None:
    with pytest.raises(ValueError, match="low must be below high, got low 1, high 1"):
        draw_latents((2, 2), 1, 1, SEED, [0])
    with pytest.raises(ValueError, match="indices must be at least 0, got -2"):
        draw_latents((2, 2), 0, 1, SEED, [0, -2])
