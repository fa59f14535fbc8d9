from __future__ import annotations

import numpy as np
import pytest

from ganmdn.known_latents import KnownLatents

Z = np.array([[-2.0, 0.0], [2.0, 1.0], [0.0, 0.0]])
Y = np.array([0.5, np.nan, 0.7])


def test_latents_are_scaled_to_the_unit_box_and_back() -> None:
    known = KnownLatents.of(Z, Y, -2.0, 2.0)
    np.testing.assert_array_equal(known.points, [[0, 0.5], [1, 0.75], [0.5, 0.5]])
    np.testing.assert_array_equal(known.latents(known.points), Z)
    assert known.latents(np.array([[1.0 + 1e-12, 0.0]])).max() <= 2.0
    assert known.done.tolist() == [True, False, True]
    assert known.dimension == 2


def test_draws_are_keyed_by_seed_and_by_how_much_is_known() -> None:
    states = {
        KnownLatents.of(Z[:rows], Y[:rows], -2.0, 2.0).state(np.random.SeedSequence(seed))
        for rows in (2, 3)
        for seed in (0, 1)
    }
    assert len(states) == 4


@pytest.mark.parametrize(
    ("z", "y", "box", "message"),
    [
        (Z[None], Y, (-1, 1), r"z must have shape \(n, M\) and y \(n,\), got \(1, 3, 2\) and \(3,\); flatten z first"),
        (np.where(Z == 1, np.nan, Z), Y, (-1, 1), "z must be finite, 1 of 3 rows are not"),
        (Z, np.where(Y == 0.5, np.inf, Y), (-1, 1), "NaN where the simulation failed, 1 of 3 are infinite"),
        (Z, Y, (1, -1), "low must be below high, got low 1, high -1"),
    ],
)
def test_refusals_name_the_argument(z: np.ndarray, y: np.ndarray, box: tuple[float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KnownLatents.of(z, y, *box)
