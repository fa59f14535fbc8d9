"""One planner of series, whoever evaluates them: what it plans is as exact as asked, and no longer than it must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from photonics.rcwa.chebyshev import BernsteinEllipse, Evaluation, Series, divide, plan_series
from photonics.rcwa.preconditioned.field_series import ON_FIELDS
from photonics.rcwa.preconditioned.matrix_series import BY_DOUBLE_ANGLE
from photonics.rcwa.transfer.polynomials import BY_TANGENT

EVALUATIONS = {"by tangent": BY_TANGENT, "by double angle": BY_DOUBLE_ANGLE, "on fields": ON_FIELDS}


@st.composite
def ellipses(draw: st.DrawFn) -> BernsteinEllipse:
    low, width = draw(st.floats(-300, 1)), draw(st.floats(0.5, 300))
    return BernsteinEllipse(low, low + width, draw(st.floats(0, 0.5)) * width)


def points_in(ellipse: BernsteinEllipse) -> np.ndarray:
    """Points that fill the ellipse, its boundary with them."""
    return np.concatenate([ellipse.centre + size * (ellipse.boundary() - ellipse.centre) for size in (1.0, 0.6, 0.2)])


def sums(series: Series, x: np.ndarray) -> np.ndarray:
    """Both polynomials at x (n,), (2, n)."""
    scaled = (x - series.ellipse.centre) / series.ellipse.half_width
    return np.stack([np.polynomial.chebyshev.chebval(scaled, c) for c in (series.cosine, series.sine)])


def functions(thickness: float, x: np.ndarray) -> np.ndarray:
    """cos(d sqrt x) and sin(d sqrt x) / sqrt x, (2, n)."""
    phase = thickness * np.sqrt(x)
    return np.stack([np.cos(phase), thickness * np.sinc(phase / np.pi)])


def planned(ellipse: BernsteinEllipse, thickness: float, tail: float, evaluation: Evaluation) -> Series:
    try:
        return plan_series(ellipse, thickness, tail, evaluation)
    except ValueError:
        assume(False)  # too thick for this evaluation
        raise


@settings(max_examples=200, derandomize=True)
@given(
    ellipse=ellipses(),
    thickness=st.one_of(st.just(0.0), st.floats(1e-6, 20)),
    tail=st.sampled_from([1e-1, 1e-3, 1e-6, 1e-9, 1e-12]),
    name=st.sampled_from(sorted(EVALUATIONS)),
)
def test_series_are_as_exact_as_planned_and_their_doublings_add_up(
    ellipse: BernsteinEllipse, thickness: float, tail: float, name: str
) -> None:
    evaluation = EVALUATIONS[name]
    series = planned(ellipse, thickness, tail, evaluation)
    assert series.thickness * 2**series.doublings == thickness
    assert series.degree in evaluation.degrees
    assert series.cost == evaluation.cost(series.degree) + evaluation.doubling_cost * series.doublings
    x = points_in(ellipse)
    error = np.abs(sums(series, x) - functions(series.thickness, x)).max(axis=1)
    if evaluation.relative_sine and thickness:
        error[1] /= series.thickness
    # What is rounded is as large as the evanescent modes.
    assert error.max() <= tail / evaluation.doubling_error**series.doublings + 1e-14 * series.growth * max(1, thickness)
    assert series.growth <= evaluation.largest_growth


@settings(max_examples=60, derandomize=True)
@given(ellipse=ellipses(), thickness=st.floats(0.01, 20), name=st.sampled_from(sorted(EVALUATIONS)))
def test_less_exact_series_never_cost_more(ellipse: BernsteinEllipse, thickness: float, name: str) -> None:
    costs = [planned(ellipse, thickness, tail, EVALUATIONS[name]).cost for tail in (1e-2, 1e-5, 1e-8)]
    assert costs == sorted(costs)


def test_the_cheapest_split_is_found() -> None:
    ellipse = BernsteinEllipse(-20.0, 18.0, 3.0)
    best = plan_series(ellipse, 3.0, 1e-9, BY_TANGENT)
    assert best.doublings > 0
    for doublings in range(8):
        one_way = Evaluation(BY_TANGENT.degrees, BY_TANGENT.cost, largest_growth=BY_TANGENT.largest_growth)
        try:
            alone = plan_series(ellipse, 3.0 / 2**doublings, 1e-9 / 2**doublings, one_way)
        except ValueError:  # that part is too thick for a single series
            continue
        assert alone.cost + BY_TANGENT.doubling_cost * doublings >= best.cost


def test_no_angle_is_no_obstacle() -> None:
    for evaluation in EVALUATIONS.values():
        series = plan_series(BernsteinEllipse(-1.0, 1.0), 0.0, 1e-12, evaluation)
        assert series.doublings == 0
        np.testing.assert_allclose(series.cosine, [1] + series.degree * [0], atol=1e-14)
        np.testing.assert_allclose(series.sine, 0, atol=1e-14)


def test_thick_layers_are_doubled_rather_than_let_grow() -> None:
    series = plan_series(BernsteinEllipse(-400.0, 20.0, 5.0), 50.0, 1e-11, BY_TANGENT)
    assert series.doublings > 3
    assert series.growth <= BY_TANGENT.largest_growth


def test_absurd_thickness_is_refused() -> None:
    message = r"^thickness must be within reach of 40 doublings, got 1e\+30 / k0 for eigenvalues in BernsteinEllipse\("
    with pytest.raises(ValueError, match=message):
        plan_series(BernsteinEllipse(-10.0, 10.0, 1.0), 1e30, 1e-11, BY_TANGENT)


@pytest.mark.parametrize("half", [1, 2, 5])
def test_division_takes_a_series_apart(half: int) -> None:
    coefficients = np.random.default_rng(half).normal(size=2 * half + 1)
    remainder, quotient = divide(coefficients)
    x = np.linspace(-1, 1, 9)
    value = np.polynomial.chebyshev.chebval
    turning = value(x, [0] * half + [1])
    np.testing.assert_allclose(value(x, remainder) + turning * value(x, quotient), value(x, coefficients), atol=1e-13)
