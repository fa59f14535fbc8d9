"""Core utilisation from events that we write ourselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from campaign.record.events import EVENT_FILE
from campaign.record.utilisation import Planned, utilisation


def write(folder: Path, *events: dict[str, Any]) -> Path:
    (folder / EVENT_FILE).write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def event(time: float, name: str, **facts: Any) -> dict[str, Any]:
    return {"time": time, "event": name, **facts}


WHOLE = (
    event(100, "run-started", stages=["a", "b"]),
    event(102, "cluster-started", workers=2),
    event(102, "stage-started", stage="a"),
    event(103, "stage-started", stage="b"),
    event(105, "progress", stage="a", done=1, total=2, core_seconds=2.5),
    event(107, "stage-ended", stage="a", state="done", core_seconds=5.0),
    event(109, "stage-ended", stage="b", state="done", core_seconds=6.0),
    event(110, "run-ended", state="done"),
)


def test_work_against_workers_times_wall_time(tmp_path: Path) -> None:
    used = utilisation(write(tmp_path, *WHOLE))
    assert used is not None
    assert (used.workers, used.busy_core_seconds, used.available_core_seconds) == (2, 11.0, 20.0)
    assert used.share == pytest.approx(0.55)
    assert [(span.stage, span.start, span.end, span.core_seconds) for span in used.spans] == [
        ("a", 102, 105, 2.5),
        ("b", 103, 109, 6.0),
        ("a", 105, 107, 2.5),
    ]


def test_the_time_that_a_stage_waits_for_a_worker_is_none_of_its_work(tmp_path: Path) -> None:
    working = event(106, "stage-working", stage="b")
    used = utilisation(write(tmp_path, *sorted((*WHOLE, working), key=lambda each: each["time"])))
    assert used is not None
    assert [(span.start, span.end, span.cores) for span in used.spans if span.stage == "b"] == [(106, 109, 2.0)]


def test_workers_count_for_the_time_that_they_are_there(tmp_path: Path) -> None:
    joined = event(104, "cluster-changed", cpus=6, workers=6)
    left = event(108, "cluster-changed", cpus=1, workers=1)
    used = utilisation(write(tmp_path, *sorted((*WHOLE, joined, left), key=lambda each: each["time"])))
    assert used is not None
    assert used.workers == 1
    assert used.available_core_seconds == 2 * 4 + 6 * 4 + 1 * 2


def test_a_killed_submission_counts_to_its_last_word(tmp_path: Path) -> None:
    again = [{**each, "time": each["time"] + 50} for each in WHOLE]
    used = utilisation(write(tmp_path, *WHOLE[:5], *again))
    assert used is not None
    assert used.busy_core_seconds == 2.5 + 11.0
    assert used.available_core_seconds == 2 * 5 + 20.0
    assert used.wall_seconds == 5 + 10


def test_an_interrupted_stage_keeps_the_work_it_told_of(tmp_path: Path) -> None:
    ended = event(106, "stage-ended", stage="a", state="interrupted", core_seconds=0.0)
    used = utilisation(write(tmp_path, *WHOLE[:5], ended))
    assert used is not None
    assert used.busy_core_seconds == 2.5


def test_the_plan_stands_beside_what_its_stages_took(tmp_path: Path) -> None:
    planned = {**WHOLE[0], "planned": {"a": 4.0, "b": 10.0}}
    again = [
        {**each, "time": each["time"] + 50} for each in ({**WHOLE[0], "planned": {"a": 1.0, "b": 9.0}}, *WHOLE[1:])
    ]
    used = utilisation(write(tmp_path, planned, *WHOLE[1:5], *again))
    assert used is not None
    # The first plan counts, and all the time: 2.5 s were lost with the killed submission.
    assert used.planned == Planned(expected=14.0, spent=2.5 + 11.0)


def test_stages_that_are_not_done_are_in_no_comparison_with_the_plan(tmp_path: Path) -> None:
    failed = event(107, "stage-ended", stage="a", state="failed", core_seconds=5.0)
    events = [{**WHOLE[0], "planned": {"a": 4.0, "b": 10.0}}, *WHOLE[1:5], failed, *WHOLE[6:]]
    used = utilisation(write(tmp_path, *events))
    assert used is not None
    assert used.planned == Planned(expected=10.0, spent=6.0)
    unplanned = utilisation(write(tmp_path, *WHOLE))
    assert unplanned is not None
    assert unplanned.planned is None


def test_a_run_without_workers_has_no_utilisation(tmp_path: Path) -> None:
    assert utilisation(tmp_path) is None
    assert utilisation(write(tmp_path, WHOLE[0], WHOLE[-1])) is None


def test_time_in_a_queue_is_paid_by_no_submission(tmp_path: Path) -> None:
    queued = event(5000, "run-queued"), event(9000, "job-started", job="17", nodes=["node1"])
    again = tuple({**each, "time": each["time"] + 10_000} for each in WHOLE)
    used = utilisation(write(tmp_path, *WHOLE, *queued, *again))
    assert used is not None
    assert (used.busy_core_seconds, used.available_core_seconds, used.wall_seconds) == (22.0, 40.0, 20.0)
