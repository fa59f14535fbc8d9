from __future__ import annotations

import numpy as np
import pytest

from photonics.solution import Solution


def test_absorption_and_means() -> None:
    solution = Solution(np.array([[0.2, 0.4]]), np.array([[0.1, 0.3]]), np.array([[[0.5, 0.2], [0.1, 0.2]]]))
    np.testing.assert_allclose(solution.absorption, [[0.7, 0.3]])
    mean = solution.unpolarised()
    np.testing.assert_allclose(mean.absorption, [0.5])
    np.testing.assert_allclose(mean.layer_absorption, [[0.3, 0.2]])


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"must have shapes \(B, 2\), \(B, 2\) and \(B, 2, layers\), got \(3, 2\), \(1, 2\)"
    ):
        Solution(np.zeros((3, 2)), np.zeros((1, 2)), np.zeros((3, 2, 1)))
