from __future__ import annotations

import re
from math import inf as INF
from typing import Any

import pytest

from campaign.design.request import DesignRequest, parse_targets
from ganmdn.targets import Target


def test_targets_are_numbers_and_ranges_with_both_ends_each_once() -> None:
    assert parse_targets(["0.68"]) == tuple(map(Target.of, (0.68,)))
    assert parse_targets(["0.6:0.7:0.02"]) == tuple(
        map(
            Target.of,
            (
                0.6,
                0.62,
                0.64,
                0.66,
                0.68,
                0.7,
            ),
        )
    )
    assert parse_targets(["0.6:0.7:0.04", "0.64", "0.5"]) == tuple(
        map(
            Target.of,
            (
                0.6,
                0.64,
                0.68,
                0.5,
            ),
        )
    )
    assert parse_targets(["0.9..", "0.3,..0.1"]) == (Target((0.9,), (INF,)), Target((0.3, -INF), (0.3, 0.1)))
    assert parse_targets(["0.6:0.6:0.1"]) == tuple(map(Target.of, (0.6,)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "much",
            "a target must be a number or a range (0.9.. for at least, ..0.1 for at most, 0.4..0.6), with commas "
            "between several properties, got 'much'",
        ),
        ("nan", "target must be finite, got nan"),
        (
            "0.6:high:0.02",
            "a series of targets must be numbers first:last:step, got '0.6:high:0.02'; write 0.6:0.7:0.02",
        ),
        ("0.7:0.6:0.02", "a series of targets must rise by a step above 0, got '0.7:0.6:0.02'; write 0.6:0.7:0.02"),
        ("0.6:0.7:0", "a series of targets must rise by a step above 0, got '0.6:0.7:0'; write 0.6:0.7:0.02"),
        ("0.1:0.9:1e-9", "at most 1000 targets at once, got 800000001 in '0.1:0.9:1e-9'; take a larger step"),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_targets([text])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": (Target.parse("0.5,1.2.."),)}, "a target must be above 0 and below 1, got 0.5,1.2.."),
        ({"targets": ()}, "name at least one target, for example 0.68"),
        ({"targets": (0.5, 1.2)}, "a target must be above 0 and below 1, got 1.2"),
        ({"count": 0}, "count must be at least 1, got 0"),
        ({"simulations": -1}, "simulations must be at least 0, got -1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"tolerance": float("nan")}, "tolerance must be at least 0, got nan"),
        ({"min_feature_nm": 0.0}, "min_feature_nm must be above 0, got 0"),
        ({"connected": "grey"}, "connected must be white or black, got 'grey'"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DesignRequest(**{"targets": (0.6,), **changes})
