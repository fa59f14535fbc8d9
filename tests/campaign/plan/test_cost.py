from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaign.plan.cost import (
    MOST_ROWS,
    MOST_UNITS,
    START_UP_SPREAD_S,
    UNITS_A_WORKER,
    fit_timings,
    suitable_rows,
)


@pytest.mark.parametrize(
    ("simulations", "seconds", "workers", "rows"),
    [
        (4000, 0.5, 2, 20),  # ten seconds
        (150, 0.1, 2, 9),  # eight units for each worker
        (1_000_000, 1e-4, 2, MOST_ROWS),
        (6, 0.01, 2, 6),  # a unit of less than half a second would cost more than it spreads
        (100, 60.0, 40, 1),
        (10_000_000, 0.5, 1000, 500),  # ten seconds of work would make 25 times as many files
    ],
)
def test_units_for_typical_stages(simulations: int, seconds: float, workers: int, rows: int) -> None:
    assert suitable_rows(simulations, seconds, workers) == rows


@given(st.integers(1, 10**7), st.floats(1e-4, 1e4), st.integers(1, 1000))
def test_units_are_neither_empty_nor_larger_than_the_store(simulations: int, seconds: float, workers: int) -> None:
    rows = suitable_rows(simulations, seconds, workers)
    assert 1 <= rows <= min(simulations, MOST_ROWS)
    assert simulations / rows <= MOST_UNITS
    if rows * seconds > 0.5 and rows > 1:
        assert simulations / rows >= workers * UNITS_A_WORKER


def predicted(timings: list[tuple[float, float]], expected: float) -> float:
    start, rate = fit_timings(timings, 1.0)
    assert start >= 0
    assert rate >= 0
    return start + rate * expected


def test_a_short_timing_is_start_up_and_leaves_the_rate_as_expected() -> None:
    assert predicted([(0.5, 40.0)], 0.5) == pytest.approx(40.0, rel=0.1)
    assert predicted([(0.5, 40.0)], 1000.0) == pytest.approx(1040.0, rel=0.1)


@pytest.mark.parametrize("slower", [0.25, 0.5, 3.0])
def test_a_long_timing_tells_the_rate(slower: float) -> None:
    assert predicted([(1000.0, 1000.0 * slower)], 5000.0) == pytest.approx(5000.0 * slower, rel=0.35)


def test_start_up_that_differs_makes_up_no_rate() -> None:
    """Where sklearn was loaded first, and where a worker had it: fits of a second or less."""
    timings = [(0.1, 5.5), (0.01, 8.5), (0.01, 0.2), (0.01, 13.0), (0.01, 0.2), (0.25, 10.2)]
    assert predicted(timings, 1000.0) == pytest.approx(1000.0, rel=0.5)


@given(
    start=st.floats(0, 60),
    slower=st.floats(0.33, 3),
    sizes=st.lists(st.floats(10, 1e4), min_size=2, max_size=6),
    noise=st.lists(st.floats(0.9, 1.1), min_size=6, max_size=6),
    wanted=st.floats(10, 1e4),
)
def test_a_few_timings_predict_other_sizes_between_them_within_a_factor_of_two(
    start: float, slower: float, sizes: list[float], noise: list[float], wanted: float
) -> None:
    low, high = min(sizes), max(sizes)
    assume(high > 10 * low)
    timings = [(size, each * (start + slower * size)) for size, each in zip(sizes, noise, strict=False)]
    size = min(max(wanted, low), high)
    true = start + slower * size
    assert true / 2 < predicted(timings, size) < 2 * true + START_UP_SPREAD_S
