"""Whether a run lives: by its events, its driver's process or heartbeat, and what a queue says of its job.

The one place that judges this; ``status``, ``watch``, ``cancel`` and whoever waits for a run use it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from campaign.cache.stage_cache import RECORD_FILE
from campaign.record.driver import has_driver
from campaign.record.events import Event, EventReader
from campaign.record.status import RunStatus

POLL_SECONDS = 1.0


class JobPhase(Enum):
    """Where a queue has a run's job."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class JobReport:
    """What a queue says of the job that drives a run: its phase, and a message for people."""

    phase: JobPhase
    message: str


class RunQueue(Protocol):
    """The queue that a run's job stands in."""

    def report(self, status: RunStatus, has_news: bool) -> JobReport | None:
        """What the queue says, None if it says nothing at the moment.

        Parameters
        ----------
        status
            The run by its events.
        has_news
            Whether the run wrote events since the last call: they are younger than an answer that was kept.
        """


class Follower:
    """A run's status, kept up to date by its folder and its queue.

    Attributes
    ----------
    status
        As of the last :meth:`refresh`; always the same object.
    """

    def __init__(self, run_folder: Path, queue: RunQueue | None = None) -> None:
        """Follow a run.

        Parameters
        ----------
        run_folder
            The run.
        queue
            Where its job stands, None for a run without a job.
        """
        self.status = RunStatus()
        self._folder = run_folder
        self._queue = queue
        self._reader = EventReader(run_folder)
        self._by_events = self._judged = (self.status.state, self.status.message)

    def refresh(self) -> list[Event]:
        """Take in what is new.

        Returns
        -------
        list of dict
            New events, oldest first. One of the name ``status`` stands in no log: it is there when state or message
            changed for another reason than an event.
        """
        news = self._take_in()
        if self.status.state in {"queued", "running"}:
            news += self._judge(bool(news))
        if self.status.has_ended:
            self.status.end_stages()
        return news

    def _judge(self, has_news: bool) -> list[Event]:
        """Look for the driver and ask the queue; what came of it."""
        report = None if self._queue is None else self._queue.report(self.status, has_news)
        is_driven = has_driver(self._folder)
        news = self._take_in()  # what the driver wrote last may have come between the looks
        judged = judge(self.status, is_driven, self._queue is not None, report)
        self.status.state, self.status.message = judged
        if judged not in (self._by_events, self._judged):
            state, message = judged
            news.append({"time": time.time(), "event": "status", "state": state, "message": message})
        self._judged = judged
        return news

    def events(self) -> Iterator[Event]:
        """Events as they come, those that are there already first, until the run has ended; see :meth:`refresh`."""
        while True:
            yield from self.refresh()
            if self.status.has_ended:
                return
            time.sleep(POLL_SECONDS)

    def _take_in(self) -> list[Event]:
        news = list(self._reader.new())
        self.status.state, self.status.message = self._by_events
        for event in news:
            self.status.apply(event)
        self._by_events = (self.status.state, self.status.message)
        return news


def judge(status: RunStatus, is_driven: bool, has_queue: bool, report: JobReport | None) -> tuple[str, str]:
    """State and message of a run.

    Parameters
    ----------
    status
        The run by its events alone.
    is_driven
        Whether a driver was seen: its process here, or a heartbeat of late elsewhere.
    has_queue
        Whether the run is one of a queue.
    report
        What that queue says of the run's job, None if it says nothing at the moment.
    """
    state, message = status.state, status.message
    if state not in {"queued", "running"}:
        return state, message
    if not has_queue:  # a run that is queued without one begins again at once, with a new Ray
        return (state, message) if state == "queued" or is_driven else ("interrupted", message or "its driver is gone")
    if report is None:
        return state, message or ("" if is_driven else "its driver gives no sign, and nothing is known of its job")
    if report.phase is JobPhase.WAITING:
        return "queued", report.message
    if report.phase is JobPhase.ENDED:
        is_being_sent = state == "queued" and is_driven
        return (state, message) if is_being_sent else ("interrupted", report.message)
    if not is_driven:
        return state, f"{report.message}; its driver gives no sign"
    return state, "; ".join(filter(None, [message if state == "running" else "", report.message]))


def run_status(run_folder: Path, queue: RunQueue | None = None) -> RunStatus:
    """Where a run stands."""
    follower = Follower(run_folder, queue)
    follower.refresh()
    _note_removed(run_folder, follower.status)
    return follower.status


def _note_removed(run_folder: Path, status: RunStatus) -> None:
    """Results that a run had and that are gone, as by hand or on another disk."""
    ended = [(name, stage) for name, stage in status.stages.items() if stage.state in {"done", "cached"}]
    links = [(run_folder / "stages" / name, stage) for name, stage in ended]
    removed = [stage for link, stage in links if link.is_symlink() and not (link / RECORD_FILE).is_file()]
    for stage in removed:
        stage.state = "removed"
    if removed and status.state == "done":
        results = "results of 1 stage were" if len(removed) == 1 else f"results of {len(removed)} stages were"
        status.message = f"{results} removed since: `campaign resume {run_folder}` computes what is needed again"
