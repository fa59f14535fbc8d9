"""The event log of a run: append-only JSON lines with one writer, readable with or without a living cluster."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
EVENT_FILE = "events.jsonl"

Event = dict[str, Any]
Listener = Callable[[Event], None]


class EventLog:
    """Appends events to ``<run>/events.jsonl``; safe to call from every thread of the one writing process.

    A disk that is full stops no run by itself: what cannot be written waits in memory, and goes first the next time.
    """

    def __init__(self, run_folder: Path, listeners: Sequence[Listener] = ()) -> None:
        """Open the log of a run.

        Parameters
        ----------
        run_folder
            The run; the folder is there.
        listeners
            Called with every event after it was written, in the thread that writes it.
        """
        self._lock = threading.Lock()
        self._listeners = tuple(listeners)
        path = run_folder / EVENT_FILE
        self._unwritten = b"\n" if _ends_within_a_line(path) else b""
        self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def write(self, event: str, **facts: Any) -> None:
        """Append one event with the present time (seconds since the epoch); durable when the call returns.

        Nothing happens once the log is closed: threads that were given up may come late.
        """
        whole: Event = {"time": round(time.time(), 3), "event": event, **facts}
        with self._lock:
            if self._descriptor is None:
                return
            self._unwritten += json.dumps(whole).encode() + b"\n"
            try:
                while self._unwritten:
                    self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]
                if event != "progress":
                    os.fsync(self._descriptor)
            except OSError as error:
                log.warning("events wait for being written: %s", error)
        for listener in self._listeners:
            listener(whole)

    def close(self) -> None:
        """Close the file; the log stays readable."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class EventReader:
    """Reads a run's events as they come, from any process on any node; a line cut short by a crash is passed over."""

    def __init__(self, run_folder: Path) -> None:
        self._path = run_folder / EVENT_FILE
        self._offset = 0

    def new(self) -> Iterator[Event]:
        """Events that were written since the last call, oldest first."""
        try:
            # Opened anew each time: that makes a network file system look at the server.
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                for line in stream:
                    if not line.endswith(b"\n"):
                        return  # still being written, or cut short: the writer's next line shows which
                    self._offset += len(line)
                    try:
                        yield json.loads(line)
                    except ValueError:
                        continue
        except FileNotFoundError:
            return


def read_events(run_folder: Path) -> Iterator[Event]:
    """All whole events of a run, oldest first."""
    return EventReader(run_folder).new()


def _ends_within_a_line(path: Path) -> bool:
    """Whether a crash cut the last line short, so that the next one must not be appended to it."""
    try:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"
    except OSError:  # no file yet, or an empty one
        return False
