from __future__ import annotations

import numpy as np
import pytest

from photonics.rcwa.numerics import SolverError
from photonics.rcwa.powers import Powers, check_powers, gather, solve_in_chunks


def powers(reflection: float, transmission: float, absorption: float) -> Powers:
    """One layer, one order; what a substrate that absorbs lets through does not split into orders."""
    both = np.full((2, 1), reflection)
    return Powers(both[:, 0], np.full(2, transmission), np.full((2, 1), absorption), both, np.full((2, 1), np.nan), 0.0)


def test_fractions_that_add_up_pass() -> None:
    check_powers(powers(0.5, 0.2, 0.3))
    check_powers(powers(1.0 + 1e-9, -1e-12, 0.0))


@pytest.mark.parametrize("fractions", [(0.5, 0.2, 0.2), (1.2, 0.0, -0.2), (0.2, -0.1, 0.9)])
def test_fractions_that_are_no_powers_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(SolverError, match=r"must be fractions that add up to 1, but they miss it by 0.[12]"):
        check_powers(powers(*fractions))


def test_nan_is_refused() -> None:
    with pytest.raises(SolverError, match=r"^the solution is not finite"):
        check_powers(powers(np.nan, 0.5, 0.5))


def test_images_are_gathered_in_their_order() -> None:
    orders = np.zeros((1, 2), dtype=int)
    solution = gather([powers(0.5, 0.2, 0.3), powers(0.1, 0.2, 0.7)._replace(error_estimate=1e-6)], 1, orders)
    np.testing.assert_array_equal(solution.reflection, [[0.5, 0.5], [0.1, 0.1]])
    np.testing.assert_array_equal(solution.layer_absorption[..., 0], [[0.3, 0.3], [0.7, 0.7]])
    np.testing.assert_array_equal(solution.error_estimate, [0, 1e-6])
    assert gather([], 4, orders).layer_absorption.shape == (0, 2, 4)


def test_a_failure_is_a_row_of_nan() -> None:
    orders = np.zeros((1, 2), dtype=int)
    solution = gather([powers(0.5, 0.2, 0.3), SolverError("no")], 1, orders)
    assert solution.failures == {1: "no"}
    np.testing.assert_array_equal(solution.reflection, [[0.5, 0.5], [np.nan, np.nan]])
    assert solution.layer_absorption.shape == (2, 2, 1)
    assert np.isnan(gather([SolverError("no")], 4, orders).layer_absorption).all()


@pytest.mark.parametrize("chunk", [1, 2, 7])
def test_one_failure_takes_no_other_image_with_it(chunk: int) -> None:
    def together(images: np.ndarray) -> list[Powers]:
        if (images == 3).any():
            raise SolverError(f"{len(images)} images failed")
        return [powers(0.5, float(image) / 10, 0.3) for image in images.ravel()]

    def alone(images: np.ndarray) -> Powers:
        return together(images)[0]

    found = solve_in_chunks(np.arange(5).reshape(5, 1, 1, 1), chunk, together, alone)
    assert str(found.pop(3)) == "1 images failed"
    assert [each.transmission[0] for each in found if isinstance(each, Powers)] == [0.0, 0.1, 0.2, 0.4]
