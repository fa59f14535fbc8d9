"""What a stage may use: its progress is told before a long task."""

from __future__ import annotations

from dataclasses import replace

from campaign.work.context import StageContext
from campaign.work.progress import StageProgress


def test_what_was_found_of_an_earlier_run_is_told_before_the_next_task(context: StageContext) -> None:
    told: list[int | str] = []
    progress = StageProgress(
        "search", lambda event, **facts: told.append(facts.get("done", event)), clock=lambda: 100.0
    )
    going_on = replace(context, progress=progress)
    for done in (8, 16, 24):  # within one second
        progress(done, 400)
    assert told == [8]
    assert going_on.task(lambda: list(told)) == [8, 24]
    assert told == [8, 24, "stage-working"]
