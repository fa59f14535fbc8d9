"""How long a run may go on, and what may still begin."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from campaign.work.time_budget import TimeBudget


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_without_a_limit_everything_fits() -> None:
    budget = TimeBudget()
    budget.note("labels", 1e9)
    assert budget.seconds_left == math.inf
    assert budget.admits("labels", rounds=100)


def test_what_could_not_finish_does_not_begin(clock: Clock) -> None:
    budget = TimeBudget(ends=1100.0, clock=clock)
    for seconds in [1.0] * 94 + [20.0] * 6:
        budget.note("labels", seconds)
    assert budget.expected_seconds("labels") == 20.0
    assert budget.admits("labels", rounds=5)
    clock.now = 1061.0
    assert budget.admits("labels")
    assert not budget.admits("labels", rounds=2)
    clock.now = 1081.0
    assert not budget.admits("labels")
    assert budget.admits("model")  # nothing is known of it


def test_nothing_begins_when_the_time_is_over_or_a_warning_came(clock: Clock) -> None:
    budget = TimeBudget(ends=1100.0, clock=clock)
    budget.end_now()
    assert not budget.admits("model")
    assert budget.seconds_left == 0.0


def test_what_fits_into_no_job_is_tried_at_the_start_of_one(clock: Clock) -> None:
    budget = TimeBudget(ends=1100.0, clock=clock)
    budget.note("model", 500.0)
    assert budget.admits("model")
    clock.now = 1050.0
    assert not budget.admits("model")


def test_the_next_job_knows_the_durations(tmp_path: Path, clock: Clock) -> None:
    record = tmp_path / "durations.json"
    first = TimeBudget(record, ends=1100.0, clock=clock)
    first.note("labels", 30.0)
    first.save()
    second = TimeBudget(record, ends=1020.0, clock=clock)
    assert second.expected_seconds("labels") == 30.0
    assert second.finished == 0
    assert first.finished == 1
    assert list(tmp_path.iterdir()) == [record]
