from __future__ import annotations

import numpy as np
import pytest

from ganmdn.candidate_choice import PixelDistances, choose_spread, expected_error, mean_distance, pixel_distances
from ganmdn.targets import Target


@pytest.mark.parametrize(("distance", "deviation"), [(0.0, 0.01), (0.01, 0.01), (-0.03, 0.01), (0.02, 1e-9)])
def test_expected_error_is_that_of_many_draws(distance: float, deviation: float) -> None:
    draws = np.random.default_rng(0).normal(0.6 + distance, deviation, 400_000)
    error = expected_error(np.array([0.6 + distance]), np.array([deviation]), 0.6)[0]
    assert error == pytest.approx(np.abs(draws - 0.6).mean(), rel=5e-3)


@pytest.mark.parametrize("text", ["0.62..", "..0.58", "0.59..0.61", "0.6,0.3..", "..0.58,0.25..0.35"])
def test_of_ranges_and_several_properties_too(text: str) -> None:
    target = Target.parse(text)
    predicted, deviation = np.array([[0.6, 0.32]])[:, : target.size], np.array([[0.02, 0.05]])[:, : target.size]
    draws = np.random.default_rng(0).normal(predicted, deviation, (400_000, target.size))
    drawn = target.distance(draws[:, 0] if target.size == 1 else draws)
    assert expected_error(predicted, deviation, target)[0] == pytest.approx(drawn.mean(), rel=1e-2)


def test_distances_are_shares_of_pixels() -> None:
    images = (np.random.default_rng(0).random((5, 8, 8)) < 0.4).astype(np.uint8)
    expected = (images[:, None] != images[None]).mean(axis=(2, 3))
    np.testing.assert_allclose(pixel_distances(images), expected, atol=1e-6)
    assert mean_distance(pixel_distances(images)) == pytest.approx(expected[~np.eye(5, dtype=bool)].mean(), rel=1e-5)


@pytest.mark.parametrize("side", [3, 8, 20])
def test_rows_are_those_of_the_matrix(side: int) -> None:
    images = (np.random.default_rng(0).random((9, side, side)) < 0.4).astype(np.uint8)
    rows = PixelDistances(images)
    np.testing.assert_array_equal([rows[row] for row in range(len(rows))], pixel_distances(images))
    part = rows.among(np.array([7, 2, 4]))
    np.testing.assert_array_equal([part[row] for row in range(3)], pixel_distances(images[[7, 2, 4]]))


def on_a_line(*places: float) -> np.ndarray:
    return np.abs(np.subtract.outer(places, places))


def test_the_best_are_taken_where_they_are_spread_already() -> None:
    np.testing.assert_array_equal(choose_spread(on_a_line(0, 1, 2, 3), 3, 1.0), [0, 1, 2])


def test_near_copies_are_left_out() -> None:
    np.testing.assert_array_equal(choose_spread(on_a_line(0, 0.001, 1, 1.001, 2), 3, 1.0), [0, 2, 4])


def test_the_mean_distance_is_reached_by_passing_over_better_candidates() -> None:
    places = [0, 0.5, 0.7, 1.3, 2.1, 3.0]
    chosen = choose_spread(on_a_line(*places), 3, 1.2)
    assert mean_distance(on_a_line(*np.array(places)[chosen])) >= 1.2
    np.testing.assert_array_equal(chosen, [0, 2, 4])  # not [0, 3, 4], farther apart than asked and worse


def test_where_there_is_no_spread_the_best_are_taken() -> None:
    np.testing.assert_array_equal(choose_spread(np.zeros((5, 5)), 3, 0.4), [0, 1, 2])
    np.testing.assert_array_equal(choose_spread(on_a_line(0, 0.31, 0.62, 0.93), 3, 1.0), [0, 1, 2])
