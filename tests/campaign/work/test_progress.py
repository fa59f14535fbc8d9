"""Progress of a stage: which calls become events, and what they raise."""

from __future__ import annotations

from typing import Any

import pytest

from campaign.cache.lease import LeaseLostError
from campaign.work.progress import StageProgress
from campaign.work.resources import InterruptedRunError


class Recorder:
    """Takes the place of an event log and of a clock."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.now = 100.0

    def write(self, event: str, **facts: Any) -> None:
        self.events.append({"event": event, **facts})

    def progress(self, **checks: Any) -> StageProgress:
        return StageProgress("labels/a", self.write, clock=lambda: self.now, **checks)

    @property
    def done(self) -> list[int]:
        return [event["done"] for event in self.events]


def test_of_many_calls_one_a_second_becomes_an_event_and_the_last_one_always() -> None:
    recorder = Recorder()
    progress = recorder.progress()
    for done in range(1, 26):
        progress(done, 25)
        recorder.now += 0.125
    assert recorder.done == [1, 9, 17, 25]
    progress.flush()
    assert recorder.done == [1, 9, 17, 25]


def test_that_a_worker_has_taken_work_is_told_once() -> None:
    recorder = Recorder()
    progress = recorder.progress()
    progress.begin()
    progress.begin()
    assert recorder.events == [{"event": "stage-working", "stage": "labels/a"}]


def test_a_stage_that_ends_early_writes_how_far_it_came() -> None:
    recorder = Recorder()
    progress = recorder.progress()
    progress(1, 25)
    progress(2, 25)
    progress.flush()
    progress.flush()
    assert recorder.done == [1, 2]


def test_an_event_says_what_was_done_and_what_it_cost() -> None:
    recorder = Recorder()
    progress = recorder.progress()
    progress.core_seconds += 1.23456
    progress(3, 9, failed=1, best_rep=2.5, message="simulations")
    expected = {"event": "progress", "stage": "labels/a", "done": 3, "total": 9, "failed": 1, "message": "simulations"}
    assert recorder.events == [{**expected, "core_seconds": 1.235, "best_rep": 2.5}]
    recorder.events.clear()
    progress(9, 9)
    assert "best_rep" not in recorder.events[0]


def test_losses_are_written_where_they_are_numbers() -> None:
    recorder = Recorder()
    recorder.progress().note(1, 9, losses={"validation_loss": 1.23456789, "train_loss": float("nan")})
    recorder.now += 2
    recorder.progress().note(2, 9, losses={})
    assert recorder.events[0]["losses"] == {"validation_loss": 1.2346}
    assert "losses" not in recorder.events[1]


def test_a_run_that_is_to_stop_stops_the_stage_after_the_event() -> None:
    def stopped() -> None:
        raise InterruptedRunError

    recorder = Recorder()
    progress = recorder.progress(raise_if_stopped=stopped)
    progress.note(1, 25)  # work in flight goes on
    recorder.now += 1.0
    with pytest.raises(InterruptedRunError):
        progress(2, 25)
    assert recorder.done == [1, 2]


def test_a_stage_that_is_anothers_writes_nothing_more() -> None:
    def lost() -> None:
        raise LeaseLostError

    recorder = Recorder()
    progress = recorder.progress(raise_if_lost=lost)
    for call in (progress, progress.note):
        with pytest.raises(LeaseLostError):
            call(1, 25)
    progress.flush()
    assert recorder.events == []
