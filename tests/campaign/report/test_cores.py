from __future__ import annotations

from pathlib import Path

import pytest

from campaign.record.utilisation import Planned, StageSpan, Utilisation, utilisation
from campaign.report.cores import bars, cores, in_words

SPANS = (StageSpan("a", 1000.0, 1010.0, 20.0), StageSpan("b", 1005.0, 1030.0, 5.0), StageSpan("c", 1050.0, 1060.0, 1.0))


def test_the_time_between_two_submissions_is_left_out() -> None:
    used = Utilisation(2, 26.0, 120.0, (*SPANS, StageSpan("d", 90_000.0, 90_010.0, 4.0)))
    assert [(bar.stage, bar.start, bar.end, bar.cores) for bar in bars(used)] == [
        ("a", 0.0, 10.0, 2.0),
        ("b", 5.0, 30.0, 0.2),
        ("c", 50.0, 60.0, 0.1),
        ("d", 60.0, 70.0, 0.4),
    ]


@pytest.mark.parametrize(("busy", "told"), [(90.0, "75.0% (goal 85%: missed)"), (108.0, "90.0% (goal 85%: reached)")])
def test_the_goal_is_told_with_the_share(busy: float, told: str) -> None:
    assert told in in_words(Utilisation(2, busy, 120.0, SPANS))


def test_the_plan_is_told_beside_what_was_spent() -> None:
    told = in_words(Utilisation(2, 90.0, 120.0, SPANS, planned=Planned(7200.0, 9000.0)))
    assert "expected 2.00 core-hours of the stages computed here, which took 2.50: 1.25 times as much" in told


def test_a_run_without_work_has_no_timeline(tmp_path: Path) -> None:
    assert list(cores(utilisation(tmp_path))) == []
