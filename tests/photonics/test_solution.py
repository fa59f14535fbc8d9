from __future__ import annotations

import re

import numpy as np
import pytest

from photonics.solution import Solution


def solution(**changes: np.ndarray) -> Solution:
    """One image, one layer, three orders."""
    fields = {
        "reflection": np.array([[0.2, 0.4]]),
        "transmission": np.array([[0.1, 0.3]]),
        "layer_absorption": np.array([[[0.5, 0.2], [0.1, 0.2]]]),
        "orders": np.zeros((3, 2), dtype=int),
        "reflected_orders": np.zeros((1, 2, 3)),
        "transmitted_orders": np.zeros((1, 2, 3)),
        "error_estimate": np.zeros(1),
    }
    return Solution(**{**fields, **changes})


def test_absorption_and_means() -> None:
    np.testing.assert_allclose(solution().absorption, [[0.7, 0.3]])
    mean = solution().unpolarised()
    np.testing.assert_allclose(mean.absorption, [0.5])
    np.testing.assert_allclose(mean.layer_absorption, [[0.3, 0.2]])


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "transmission",
            (3, 2),
            "reflection, transmission and layer_absorption must have shapes (B, 2), (B, 2) and (B, 2, layers), got "
            "(1, 2), (3, 2) and (1, 2, 2)",
        ),
        (
            "orders",
            (4, 2),
            "orders, reflected_orders and transmitted_orders must have shapes (N, 2), (B, 2, N) and (B, 2, N), got "
            "(4, 2), (1, 2, 3) and (1, 2, 3)",
        ),
        ("error_estimate", (1, 2), "error_estimate must have shape (B,), got (1, 2)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        solution(**{name: np.zeros(shape)})
