from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from results.fabrication.connection import PhaseConnection, connection, without_islands


def picture(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (picture("....", ".##.", ".##.", "...."), PhaseConnection(1, 0)),
        (picture("#..#", "....", "....", "#..#"), PhaseConnection(1, 0)),  # one island over all four borders
        (picture("....", "####", "....", "...."), PhaseConnection(1, 1)),
        (picture(".#..", ".##.", "..#.", ".##."), PhaseConnection(1, 1)),
        (picture("....", "####", "....", "####"), PhaseConnection(2, 1)),
        (picture(".#..", "####", ".#..", ".#.."), PhaseConnection(1, 2)),
        (picture(".#..", "####", ".#..", ".#.#"), PhaseConnection(2, 2)),
        (picture("#...", ".#..", "..#.", "...#"), PhaseConnection(4, 0)),  # corners do not hold together
        (picture("##..", ".##.", "..##", "#..#"), PhaseConnection(1, 1)),  # a slanting stripe
        (np.ones((4, 4), bool), PhaseConnection(1, 2)),
        (np.zeros((4, 4), bool), PhaseConnection(0, 0)),
    ],
)
def test_pieces_and_directions(phase: np.ndarray, expected: PhaseConnection) -> None:
    assert connection(phase) == expected
    for shift in ((1, 0), (0, 3), (2, 1)):
        assert connection(np.roll(phase, shift, axis=(0, 1))) == expected


def test_a_whole_phase_is_one_piece_of_the_infinite_pattern() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        grey = ndimage.gaussian_filter(rng.standard_normal((16, 16)), 1.2, mode="wrap")
        phase = grey > np.quantile(grey, rng.uniform(0.05, 0.6))
        # Of many cells side by side: what hangs together in the middle does so by a way that leaves it for a while.
        labels, _ = ndimage.label(np.tile(phase, (9, 9)))
        middle = labels[3 * 16 : 6 * 16, 3 * 16 : 6 * 16]
        is_one = len(np.unique(middle[middle > 0])) == 1
        assert connection(phase).is_whole == is_one
        seen.add(is_one)
    assert seen == {True, False}


def test_islands_are_left_out_of_what_goes_on_for_ever() -> None:
    phase = picture(".#..", "####", ".#..", ".#.#")
    assert np.array_equal(without_islands(phase), picture(".#..", "####", ".#..", ".#.."))
    assert without_islands(picture("....", "####", "....", "....")) is None
