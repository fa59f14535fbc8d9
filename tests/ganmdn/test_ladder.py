"""Rungs all over what labels have."""

from __future__ import annotations

import numpy as np

from ganmdn.ladder import rungs


def test_of_one_property_they_are_even_and_go_beyond() -> None:
    np.testing.assert_allclose(rungs(np.array([0.2, 0.7, 0.4]), 3, beyond=0.1), [0.15, 0.45, 0.75])


def test_of_several_they_lie_far_apart_and_reach_the_corners() -> None:
    corners = np.array([[0.2, 0.2], [0.2, 0.8], [0.8, 0.2], [0.8, 0.8]])
    y = np.concatenate([np.full((50, 2), 0.5) + np.random.default_rng(1).normal(0, 0.01, (50, 2)), corners])
    found = rungs(y, 5)
    assert found.shape == (5, 2)
    for corner in corners:
        assert np.abs(found - corner).sum(axis=1).min() < 1e-12


def test_none_comes_near_to_zero_and_there_are_no_more_than_labels() -> None:
    found = rungs(np.array([[0.01, 0.9], [0.4, 0.1]]), 9, beyond=0.5)
    assert found.shape == (2, 2)
    assert (found >= [0.005, 0.05]).all()
