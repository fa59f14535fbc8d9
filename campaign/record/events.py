"""The event log of a run: append-only JSON lines with one writer, readable with or without a living cluster."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign.record.driver import has_driver

log = logging.getLogger(__name__)
EVENT_FILE = "events.jsonl"
ENDED = ("done", "failed", "interrupted", "cancelled")


class EventLog:
    """Appends events to ``<run>/events.jsonl``; safe to call from every thread of the one writing process.

    A disk that is full stops no run by itself: what cannot be written waits in memory, and goes first the next time.
    """

    def __init__(self, run_folder: Path) -> None:
        self._lock = threading.Lock()
        path = run_folder / EVENT_FILE
        self._unwritten = b"\n" if _ends_within_a_line(path) else b""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def write(self, event: str, **facts: Any) -> None:
        """Append one event with the present time (seconds since the epoch); durable when the call returns."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts})
        with self._lock:
            self._unwritten += line.encode() + b"\n"
            try:
                while self._unwritten:
                    self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]
                if event != "progress":
                    os.fsync(self._descriptor)
            except OSError as error:
                log.warning("events wait for being written: %s", error)

    def close(self) -> None:
        """Close the file; the log stays readable."""
        os.close(self._descriptor)


class EventReader:
    """Reads a run's events as they come, from any process on any node; a line cut short by a crash is passed over."""

    def __init__(self, run_folder: Path) -> None:
        self._path = run_folder / EVENT_FILE
        self._offset = 0

    def new(self) -> Iterator[dict[str, Any]]:
        """Events that were written since the last call, oldest first."""
        try:
            # Opened anew each time: that makes a network file system look at the server.
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                for line in stream:
                    if not line.endswith(b"\n"):
                        return  # still being written, or cut short: the writer will tell
                    self._offset += len(line)
                    try:
                        yield json.loads(line)
                    except ValueError:
                        continue
        except FileNotFoundError:
            return


def read_events(run_folder: Path) -> Iterator[dict[str, Any]]:
    """All whole events of a run, oldest first."""
    return EventReader(run_folder).new()


@dataclass
class StageStatus:
    """Where one stage stands.

    ``first`` is when the stage first told how far it was, and ``found`` how much of it had been done by an earlier
    run: the pace of this one is what came since. ``best_rep`` is the smallest residual error so far, in percent.
    """

    state: str = "waiting"  # waiting | running | done | cached | failed | interrupted
    done: int = 0
    total: int = 0
    failed: int = 0
    seconds: float = 0.0
    started: float | None = None
    first: float | None = None
    found: int = 0
    best_rep: float | None = None
    message: str = ""

    def rate(self, now: float) -> float | None:
        """Units a second since the stage first told how far it was; None before there is anything to tell."""
        if self.state != "running" or self.first is None or self.done <= self.found:
            return None
        return (self.done - self.found) / max(now - self.first, 1e-3)


@dataclass
class RunStatus:
    """A run as its events tell it."""

    state: str = "unknown"  # unknown | queued | running | done | failed | interrupted | cancelled
    started: float | None = None
    updated: float | None = None
    host: str | None = None
    process: int | None = None
    cpus: int | None = None
    dashboard: str | None = None
    token_file: str | None = None
    message: str = ""
    stages: dict[str, StageStatus] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come, unless it is sent on its way again."""
        return self.state in ENDED

    @property
    def failed(self) -> int:
        """Simulations that failed so far."""
        return sum(stage.failed for stage in self.stages.values())

    def apply(self, event: dict[str, Any]) -> None:
        """Fold one event into the status."""
        self.updated = event["time"]
        name = event["event"]
        if name == "run-started":
            self.state, self.started, self.message = "running", event["time"], ""
            self.process, self.host = event.get("process"), event.get("host")
            self.dashboard = self.cpus = self.token_file = None
            self.stages = {stage: StageStatus() for stage in event["stages"]}
        elif name == "cluster-started":
            self.dashboard, self.cpus = event.get("dashboard"), event.get("cpus")
            self.token_file = event.get("token_file")
        elif name == "cluster-changed":
            self.cpus = event["cpus"]
        elif name == "run-queued":
            self.state, self.message = "queued", event.get("message", "")
        elif name == "cancel-requested":
            self.message = f"cancelled by {event['user']} from {event['host']}"
        elif name == "run-ended":
            self.state = event["state"]
        elif (stage := self.stages.get(event.get("stage", ""))) is not None:
            _apply_to_stage(stage, name, event)


def _apply_to_stage(stage: StageStatus, name: str, event: dict[str, Any]) -> None:
    if name == "stage-started":
        stage.state, stage.started = "running", event["time"]
    elif name == "progress":
        if stage.first is None:
            stage.first, stage.found = event["time"], event["done"]
        stage.done, stage.total, stage.failed = event["done"], event["total"], event.get("failed", 0)
        stage.best_rep = event.get("best_rep", stage.best_rep)
        stage.message = event.get("message", "")
    elif name == "stage-ended":
        stage.state, stage.seconds = event["state"], event.get("seconds", 0.0)
        stage.message = event.get("message", "")


class Follower:
    """A run's status, kept up to date from its folder alone."""

    def __init__(self, run_folder: Path) -> None:
        self.status = RunStatus()
        self._folder = run_folder
        self._reader = EventReader(run_folder)

    def refresh(self) -> list[dict[str, Any]]:
        """Take in what is new and return it; a run whose driver is gone without a last word counts as interrupted."""
        news = self._take_in()
        if self.status.state == "running" and not has_driver(self._folder):
            news += self._take_in()  # its last word may have come between the two looks
            if self.status.state == "running":
                self.status.state = "interrupted"
        return news

    def _take_in(self) -> list[dict[str, Any]]:
        news = list(self._reader.new())
        for event in news:
            self.status.apply(event)
        return news


def run_status(run_folder: Path) -> RunStatus:
    """Where a run stands."""
    follower = Follower(run_folder)
    follower.refresh()
    return follower.status


def _ends_within_a_line(path: Path) -> bool:
    """Whether a crash cut the last line short, so that the next one must not be appended to it."""
    try:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"
    except OSError:  # no file yet, or an empty one
        return False
