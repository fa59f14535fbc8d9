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

log = logging.getLogger(__name__)
EVENT_FILE = "events.jsonl"


class EventLog:
    """Appends events to ``<run>/events.jsonl``; safe to call from every thread of the one writing process.

    A disk that is full stops no run by itself: what cannot be written waits in memory, and goes first the next time.
    """

    def __init__(self, run_folder: Path) -> None:
        self._lock = threading.Lock()
        self._descriptor = os.open(run_folder / EVENT_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        self._unwritten = b""

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


def read_events(run_folder: Path) -> Iterator[dict[str, Any]]:
    """All whole events of a run, oldest first; a line cut short by a crash is passed over."""
    path = run_folder / EVENT_FILE
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


@dataclass
class StageStatus:
    """Where one stage stands."""

    state: str = "waiting"  # waiting | running | done | cached | failed | interrupted
    done: int = 0
    total: int = 0
    failed: int = 0
    seconds: float = 0.0
    started: float | None = None
    message: str = ""


@dataclass
class RunStatus:
    """A run as its events tell it."""

    state: str = "unknown"  # running | done | failed | interrupted
    started: float | None = None
    updated: float | None = None
    dashboard: str | None = None
    process: int | None = None
    stages: dict[str, StageStatus] = field(default_factory=dict)

    def apply(self, event: dict[str, Any]) -> None:
        """Fold one event into the status."""
        self.updated = event["time"]
        name = event["event"]
        if name == "run-started":
            self.state, self.started, self.process = "running", event["time"], event.get("process")
            self.stages = {stage: StageStatus() for stage in event["stages"]}
        elif name == "cluster-started":
            self.dashboard = event.get("dashboard")
        elif name == "run-ended":
            self.state = event["state"]
        elif (stage := self.stages.get(event.get("stage", ""))) is not None:
            _apply_to_stage(stage, name, event)


def _apply_to_stage(stage: StageStatus, name: str, event: dict[str, Any]) -> None:
    if name == "stage-started":
        stage.state, stage.started = "running", event["time"]
    elif name == "progress":
        stage.done, stage.total, stage.failed = event["done"], event["total"], event.get("failed", 0)
        stage.message = event.get("message", "")
    elif name == "stage-ended":
        stage.state, stage.seconds = event["state"], event.get("seconds", 0.0)
        stage.message = event.get("message", "")


def run_status(run_folder: Path) -> RunStatus:
    """Fold a run's events; a run whose process is gone without a last word counts as interrupted."""
    status = RunStatus()
    for event in read_events(run_folder):
        status.apply(event)
    if status.state == "running" and status.process is not None and not Path(f"/proc/{status.process}").exists():
        status.state = "interrupted"
    return status
