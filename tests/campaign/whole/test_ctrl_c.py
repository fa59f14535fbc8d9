"""Ctrl-C at twenty moments spread over a whole small run, changes of stage and the report included.

With every change in one process; on real Ray by `make test-slow`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from designs_table import designs

from campaign.plan.keys import PROJECT
from campaign.record.events import EventReader, read_events
from campaign.record.liveness import run_status

MOMENTS = 20
WAIT_S = 600.0
LONGEST_S = 10.0
KINDS = ("stage-started", "progress", "stage-ended")


# Submits until it is done. Ctrl-C comes in turn when a stage begins, when one says how far it is, and when one is done;
# at last before every second figure: each time all of them are drawn again.
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path

sys.modules["ray"] = None
from campaign import api
from campaign.report import write

spec, profile, runs = map(Path, sys.argv[1:])
WANTED = ["stage-started", "progress"], ["progress"], []
draw, seconds, figures, here, pressed = write.save_figure, [], 0, 0, None

def press():
    global pressed
    if pressed is None:
        pressed = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

def drawn(*arguments):
    global figures, here
    here += 1
    if here > figures:
        figures = here + 1
        press()
    return draw(*arguments)

def listen(event):
    is_done = event["event"] == "stage-ended" and event["state"] == "done"
    if is_done or event["event"] in WANTED[len(seconds) % 3]:
        press()

write.save_figure = drawn
while True:
    here, pressed = 0, None
    try:
        run = api.submit(api.Campaign.open(spec, profile, runs), listen)
    except KeyboardInterrupt:
        seconds.append(round(time.monotonic() - pressed, 2))
    else:
        break
print(json.dumps({"seconds": seconds, "folder": str(run.folder)}))
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_in_one_process_it_ends_a_run_at_every_change(tiny_spec: Path, tmp_path: Path) -> None:
    spec, profile = yaml.safe_load(tiny_spec.read_text()), tmp_path / "profile.yaml"
    spec["generator"]["training"] |= {"workers": 1, "steps": 20, "checkpoint_every": 5}
    spec |= {"methods": ["gan-mdn", "pca-mdn", "nearest-labels"], "labels": {"count": 40, "truncation_sample": 4}}
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    profile.write_text(yaml.safe_dump({"kind": "in-process", "rows_per_unit": 20}))
    command = [sys.executable, "-c", PROGRAM, tmp_path / "spec.yaml", profile, tmp_path / "runs"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    states = [event["state"] for event in read_events(Path(answer["folder"])) if event["event"] == "run-ended"]
    assert states == ["interrupted"] * len(answer["seconds"]) + ["done"]
    assert len(answer["seconds"]) >= MOMENTS, answer["seconds"]  # some more, as two stages may end in one sitting
    assert max(answer["seconds"]) < LONGEST_S, answer["seconds"]


class Submission:
    """`campaign submit` in a process of its own, followed by its events."""

    def __init__(self, spec: Path, folder: Path) -> None:
        profile = folder / "profile.yaml"
        profile.write_text(yaml.safe_dump({"kind": "local", "workers": 2, "rows_per_unit": 5, "dashboard": False}))
        self.runs = folder / "runs"
        self._known = {path.parent: sum(1 for _ in EventReader(path.parent).new()) for path in self._logs()}
        command = [sys.executable, "-m", "campaign", "submit", str(spec), "--runs", str(self.runs)]
        self.process = subprocess.Popen(
            [*command, "--profile", str(profile)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT, start_new_session=True,
        )  # fmt: skip

    def _logs(self) -> list[Path]:
        return list(self.runs.glob("*/events.jsonl"))

    @property
    def folder(self) -> Path:
        (log,) = self._logs()
        return log.parent

    def events(self) -> Iterator[dict[str, Any]]:
        """Events of this process, as they come."""
        deadline, reader, old = time.monotonic() + WAIT_S, None, 0
        while True:
            assert time.monotonic() < deadline, "waited in vain"
            assert self.process.poll() is None, self.process.communicate()
            if reader is None and (logs := self._logs()):
                reader, old = EventReader(logs[0].parent), self._known.get(logs[0].parent, 0)
            for event in reader.new() if reader is not None else ():
                old -= 1
                if old < 0:
                    yield event
            time.sleep(0.01)

    def stop(self) -> tuple[float, str]:
        """Press Ctrl-C; seconds until the process had ended, and what it wrote to standard error."""
        pressed = time.monotonic()
        os.kill(self.process.pid, signal.SIGINT)
        _, errors = self.process.communicate(timeout=WAIT_S)
        return time.monotonic() - pressed, errors


def finished(folder: Path) -> dict[Path, int]:
    """Results of stages that are done: which files they are."""
    return {path: path.stat().st_ino for path in (folder.parent / "cache").glob("*/*/stage.json")}


def wait_for_moment(submission: Submission, number: int, stages: int) -> None:
    """Wait until so large a share of all stages is done, then for one of several kinds of events; or for a figure."""
    if number == 0:
        return next(submission.events())  # type: ignore[return-value]
    if number >= MOMENTS - 2:
        next(submission.events())
        figures = ("labels.png", "gallery.png")  # as they are drawn: the last one is not there from the time before
        deadline = time.monotonic() + WAIT_S
        while not (submission.folder / "figures" / figures[number - MOMENTS]).exists():
            assert time.monotonic() < deadline
            assert submission.process.poll() is None, submission.process.communicate()
            time.sleep(0.005)
        return None
    share = number * stages // MOMENTS
    done: Callable[[], int] = lambda: len(finished(submission.folder))  # noqa: E731
    for event in submission.events():
        if done() >= share and event["event"] == KINDS[number % len(KINDS)]:
            return None
    raise AssertionError("events never end")


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.heavy
@pytest.mark.timeout(3000)
def test_on_ray_it_ends_a_run_at_every_moment_with_its_exit_code(
    tiny_spec: Path, tiny_run: Path, tmp_path: Path
) -> None:
    stages, kept, took = len(run_status(tiny_run).stages), dict[Path, int](), []
    for number in range(MOMENTS):
        submission = Submission(tiny_spec, tmp_path)
        try:
            wait_for_moment(submission, number, stages)
            seconds, errors = submission.stop()
        finally:
            submission.process.kill()
        took.append(round(seconds, 1))
        assert submission.process.returncode == 130, (number, errors)
        assert "Traceback" not in errors
        assert f"stopped; finished work is kept: `campaign submit {tiny_spec}` goes on" in errors
        assert seconds < LONGEST_S, took
        status = run_status(submission.folder)
        assert status.state == "interrupted"
        assert "failed" not in {stage.state for stage in status.stages.values()}
        now = finished(submission.folder)
        assert kept.items() <= now.items()  # nothing that was finished is done again
        kept = now
    print(f"seconds from Ctrl-C to the end: {took}")
    last = Submission(tiny_spec, tmp_path)
    _, errors = last.process.communicate(timeout=WAIT_S)
    assert last.process.returncode == 0, errors
    assert designs(last.folder) == designs(tiny_run)
