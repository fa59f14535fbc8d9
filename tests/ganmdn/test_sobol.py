from __future__ import annotations

import numpy as np
import pytest

from ganmdn.sobol import sobol_latents

SEED = np.random.SeedSequence(3)


def test_a_longer_sequence_begins_with_a_shorter_one_and_seeds_differ() -> None:
    z = sobol_latents((2, 3), -1, 1, SEED, 37)
    assert z.shape == (37, 2, 3)
    assert z.dtype == np.float32
    np.testing.assert_array_equal(sobol_latents((2, 3), -1, 1, SEED, 5), z[:5])
    assert not np.array_equal(sobol_latents((2, 3), -1, 1, np.random.SeedSequence(4), 37), z)


def test_every_sixteenth_of_each_axis_has_as_many_points() -> None:
    z = sobol_latents((2, 2), -2, 2, SEED, 64).reshape(64, 4)
    for axis in z.T:
        assert np.histogram(axis, bins=16, range=(-2, 2))[0].tolist() == [4] * 16


def test_refusals_name_the_argument() -> None:
    with pytest.raises(ValueError, match="low must be below high, got low 1, high 1"):
        sobol_latents((2, 2), 1, 1, SEED, 3)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        sobol_latents((2, 2), -1, 1, SEED, 0)
