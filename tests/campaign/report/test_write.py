"""Parts of the report that need no finished run."""

from __future__ import annotations

from typing import Any

import pytest

from campaign.record.utilisation import StageSpan, Utilisation
from campaign.report.write import _bars, _failure_table, _told_utilisation

SPANS = (StageSpan("a", 1000.0, 1010.0, 20.0), StageSpan("b", 1005.0, 1030.0, 5.0), StageSpan("c", 1050.0, 1060.0, 1.0))


def test_the_time_between_two_submissions_is_left_out() -> None:
    used = Utilisation(2, 26.0, 120.0, (*SPANS, StageSpan("d", 90_000.0, 90_010.0, 4.0)))
    assert [(bar.stage, bar.start, bar.end, bar.cores) for bar in _bars(used)] == [
        ("a", 0.0, 10.0, 2.0),
        ("b", 5.0, 30.0, 0.2),
        ("c", 50.0, 60.0, 0.1),
        ("d", 60.0, 70.0, 0.4),
    ]


@pytest.mark.parametrize(("busy", "told"), [(90.0, "75.0% (goal 85%: missed)"), (108.0, "90.0% (goal 85%: reached)")])
def test_the_goal_is_told_with_the_share(busy: float, told: str) -> None:
    assert told in _told_utilisation(Utilisation(2, busy, 120.0, SPANS))


def test_failures_are_counted_by_class() -> None:
    class Results:
        def failures(self) -> list[tuple[str, int, str, str]]:
            return [("labels/a", row, "TimeLimit" if row % 3 else "OutOfMemory", "given up") for row in range(60)]

    results: Any = Results()
    table = _failure_table(results)
    assert table is not None
    assert len(table.rows) == 50
    assert table.caption.startswith("60 simulations were quarantined (40 TimeLimit, 20 OutOfMemory); 50 are shown.")
