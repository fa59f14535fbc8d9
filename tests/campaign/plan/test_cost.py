from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.plan.cost import MOST_ROWS, MOST_UNITS, UNITS_A_WORKER, suitable_rows


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
