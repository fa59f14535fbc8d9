from __future__ import annotations

import io

import pytest
from rich.console import Console

from campaign.record import display as progress
from campaign.record.display import display, format_seconds, notices, status_head, status_line, status_table
from campaign.record.status import RunStatus, StageStatus


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.23, "8.2 s"), (185, "3 min 05 s"), (59.96, "60.0 s"), (15000, "4 h 10 min")]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def status() -> RunStatus:
    running = StageStatus(
        state="running", done=20, total=100, failed=1, started=990.0, first=1000.0, message="simulations"
    )
    failed = StageStatus(state="failed", message="ValueError: no such luck")
    return RunStatus(
        stages={"labels/a": running, "latents/a": StageStatus(state="done", seconds=3.0), "model/a": failed}
    )


def test_one_line_tells_what_runs_how_fast_and_how_long() -> None:
    line = status_line(status(), now=1010.0)
    assert line == "1 of 3 stages done; labels/a 20/100 simulations, 1 failed, 2.0/s, 40.0 s left"


def test_how_long_a_run_still_takes_stands_in_its_line_and_its_head() -> None:
    run = RunStatus("running", started=900.0, updated=1000.0, host="node1", workers=2, expected_seconds=300.0)
    run.stages = {"latents/a": StageStatus("done"), "labels/a": StageStatus(expected=600.0)}
    assert status_line(run, now=1000.0) == "1 of 2 stages done, about 5 min 00 s left"
    assert "for 1 min 40 s; about 5 min 00 s left; last event" in status_head(run, now=1000.0)


def test_one_line_of_many_stages_names_the_slowest_and_counts_the_rest() -> None:
    stages = {f"labels/data-{number}": StageStatus("done") for number in range(22)}
    for number in range(9):
        stages[f"truncation/data-{number}"] = StageStatus(
            "running", number + 1, 1000, started=0.0, first=0.0, message="simulations"
        )
    stages |= {f"model/gan-mdn/data-{number}": StageStatus("queued") for number in range(38)}
    stages |= {f"designs/gan-mdn/data-{number}": StageStatus() for number in range(85)}
    line = status_line(RunStatus(stages=stages), now=10.0)
    assert line == (
        "22 of 154 stages done; truncation/data-0 1/1000 simulations, 6.0/min, 2 h 46 min left; "
        "truncation/data-1 2/1000 simulations, 12.0/min, 1 h 23 min left; and 7 more; 38 waiting for a worker"
    )
    assert len(line) <= 200


def test_a_stage_that_waits_for_a_worker_does_not_look_as_if_it_ran() -> None:
    console = Console(file=io.StringIO(), width=100)
    queued = StageStatus("queued", 0, 9, message="simulations")
    console.print(status_table(RunStatus(stages={"labels/a": queued}), now=1010.0))
    (line,) = console.file.getvalue().splitlines()[1:]  # type: ignore[attr-defined]
    assert line.split() == ["◦", "labels/a", "waits", "for", "a", "worker"]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_names_of_stages_break_between_their_parts_alone(width: int) -> None:
    name = "optimization/bayesian-optimization/data-ii/0.55"
    running = StageStatus("running", 3, 9, first=0.0, started=0.0, peak_bytes=10**9, message="simulations")
    console = Console(file=io.StringIO(), width=width)
    console.print(status_table(RunStatus(stages={name: running}), now=990.0))
    written = [line[3:].split("  ")[0].strip() for line in console.file.getvalue().splitlines()[1:]]  # type: ignore[attr-defined]
    assert "".join(written) == name
    assert all(line.endswith("/") for line in written[:-1] if line)


def test_work_that_may_stop_early_takes_so_long_at_most() -> None:
    training = StageStatus(state="running", done=20, total=2000, started=990.0, first=1000.0, message="epochs at most")
    line = status_line(RunStatus(stages={"model/a": training}), now=1010.0)
    assert line.endswith("model/a 20/2000 epochs at most, 2.0/s, at most 16 min 30 s left")


def test_a_bound_beyond_what_the_whole_run_takes_is_left_out() -> None:
    bounded = StageStatus("running", 7, 1507, first=1000.0, expected=60.0, message="simulations at most")
    counted = StageStatus("running", 10, 20, first=1000.0, expected=60.0, spent=30.0, message="simulations")
    run = RunStatus("running", workers=2, expected_seconds=60.0, stages={"refinement/a": bounded, "labels/a": counted})
    line = status_line(run, now=1010.0)
    assert line.startswith("0 of 2 stages done, about 45.0 s left; labels/a 10/20 simulations, 1.0/s, 10.0 s left")
    assert line.endswith("; refinement/a 7/1507 simulations at most, 42.0/min")


def test_slow_work_is_told_by_the_minute() -> None:
    assert "12.0/min" in status_line(status(), now=1100.0)


def test_the_table_has_a_line_for_every_stage() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(status_table(status(), now=1010.0))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 4
    assert "20/100 simulations, 1 failed" in lines[1]
    assert "no such luck" in lines[3]


def test_a_low_terminal_shows_what_runs_and_counts_the_rest() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(status_table(status(), now=1010.0, most=2))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "labels/a" in text
    assert "latents/a" not in text
    assert "1 of 3 stages done, 0 waiting for a worker, 0 for others" in text


def test_a_log_gets_one_line_a_minute_and_every_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=200)
    with display(console) as listener:
        listener({"time": 0.0, "event": "run-started", "stages": ["labels/a"], "process": 1})
        listener({"time": 0.0, "event": "cluster-started", "dashboard": "http://127.0.0.1:8265"})
        for second in range(1, 150):
            now[0] = float(second)
            listener({"time": float(second), "event": "progress", "stage": "labels/a", "done": second, "total": 200})
        listener(
            {"time": 150.0, "event": "stage-ended", "stage": "labels/a", "state": "failed", "message": "disk full"}
        )
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0].startswith("Ray dashboard: http://127.0.0.1:8265 (")
    assert len(lines) == 4
    assert lines[3] == "failed: labels/a: disk full"


def test_a_terminal_gets_a_live_table() -> None:
    console = Console(file=io.StringIO(), width=120, height=30, force_terminal=True)
    with display(console) as listener:
        listener({"time": 0.0, "event": "run-started", "stages": ["labels/a", "model/a"], "process": 1})
        listener({"time": 1.0, "event": "cluster-started", "dashboard": "http://127.0.0.1:8265"})
        listener({"time": 2.0, "event": "stage-started", "stage": "labels/a"})
        listener({"time": 2.0, "event": "stage-working", "stage": "labels/a"})
        listener(
            {"time": 3.0, "event": "progress", "stage": "labels/a", "done": 5, "total": 10, "message": "simulations"}
        )
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "http://127.0.0.1:8265" in text
    assert "5/10 simulations" in text


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (RunStatus(), "waiting for the run to begin"),
        (
            RunStatus(state="queued", updated=10.0, message="job 17 waits: other jobs come first"),
            "queued; job 17 waits: other jobs come first; last event 2.0 s ago",
        ),
        # One that died before it began.
        (
            RunStatus(state="interrupted", updated=10.0, message="job 17 failed"),
            "interrupted; job 17 failed; last event 2.0 s ago",
        ),
        (
            RunStatus(state="running", updated=10.0, started=3.0, host="node1", cpus=4, message="job 17 runs on node1"),
            "running on node1 (4 CPUs) for 9.0 s; job 17 runs on node1; last event 2.0 s ago",
        ),
        (
            RunStatus(state="cancelled", updated=10.0, started=3.0, message="cancelled by ann from login1"),
            "cancelled by ann from login1; last event 2.0 s ago",
        ),
    ],
)
def test_the_head_says_what_else_is_to_be_known(status: RunStatus, head: str) -> None:
    assert status_head(status, now=12.0) == head


def test_what_no_event_says_is_worth_a_line() -> None:
    event = {"time": 1.0, "event": "status", "state": "queued", "message": "job 17 was requeued and waits"}
    assert list(notices(event)) == ["queued: job 17 was requeued and waits"]


@pytest.mark.parametrize(
    ("losses", "shown"),
    [
        ({"validation_loss": -12.345, "train_loss": 3.0}, "3/9 epochs at most, validation loss -12.3"),
        ({"discriminator": 0.5, "adversarial": 3.0}, "3/9 epochs at most, discriminator loss 0.5"),
        ({"loss": 0.25}, "3/9 epochs at most, loss 0.25"),
        ({}, "3/9 epochs at most"),
    ],
)
def test_a_training_tells_its_first_loss_while_it_goes_on(losses: dict[str, float], shown: str) -> None:
    status = RunStatus(stages={"model/a": StageStatus("running", 3, 9, losses=losses, message="epochs at most")})
    assert status_line(status, now=0.0) == f"0 of 1 stages done; model/a {shown}"
    status.stages["model/a"].state = "done"
    assert "loss" not in status_line(status, now=0.0)
