"""What repeats say of a figure."""

from __future__ import annotations

import pytest

from results.table.repeats import mean_known, spread


def test_the_spread_is_that_of_a_sample_of_few() -> None:
    assert spread([4.0, 6.0]) == pytest.approx(2**0.5)
    assert spread([4.0, None, 6.0]) == pytest.approx(2**0.5)
    assert spread([4.0, None]) is None
    assert spread([]) is None


def test_a_mean_is_over_what_is_known() -> None:
    assert mean_known([1.0, None, 2.0]) == 1.5
    assert mean_known([None]) is None
