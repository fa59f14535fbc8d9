"""How much of its cores a run used, from its event log alone: work that was done against time that was paid for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from campaign.record.events import read_events

OUTSIDE = {"run-queued", "job-started"}  # events before a submission's start, which belong to none


@dataclass(frozen=True)
class StageSpan:
    """A stage at work between two of its events, seconds since the epoch, and the work that was told of at the end."""

    stage: str
    start: float
    end: float
    core_seconds: float

    @property
    def cores(self) -> float:
        """Cores that the stage kept busy, on average over that time."""
        return self.core_seconds / (self.end - self.start) if self.end > self.start else 0.0


@dataclass(frozen=True)
class Planned:
    """Core-seconds that the plan had expected of some stages, before their work began, and those that they took."""

    expected: float
    spent: float

    @property
    def ratio(self) -> float:
        """Core-seconds spent for each that was expected."""
        return self.spent / self.expected


@dataclass(frozen=True)
class Utilisation:
    """Core-seconds of work against those that a run had, over all its submissions that started workers.

    Attributes
    ----------
    workers
        Worker processes of one thread, in the end.
    busy_core_seconds
        Time that workers spent inside the stages' work.
    available_core_seconds
        Workers times wall time, Ray's start and the driver's own work included; those that came
        later or left count for the time that they were there.
    spans
        Every stage at work, in the order of their starts: one from each event that told of more work to the next.
    wall_seconds
        From the start of each submission to its end.
    planned
        The plan's estimate beside what was spent, over the stages that this run did from their start to their end;
        None where there are none.
    """

    workers: int
    busy_core_seconds: float
    available_core_seconds: float
    spans: tuple[StageSpan, ...]
    wall_seconds: float = 0.0
    planned: Planned | None = None

    @property
    def share(self) -> float:
        """Share of the cores' time that went into work, 0 to 1."""
        return min(1.0, self.busy_core_seconds / self.available_core_seconds) if self.available_core_seconds else 0.0


def utilisation(run_folder: Path) -> Utilisation | None:
    """Fold a run's events; None for a run that never started workers, such as one answered from the cache."""
    submissions = list(_submissions(read_events(run_folder)))
    used = [one for events in submissions if (one := _of_submission(events)) is not None]
    if not used:
        return None
    spans = tuple(span for one in used for span in one.spans)
    return Utilisation(
        workers=used[-1].workers,
        busy_core_seconds=sum(one.busy_core_seconds for one in used),
        available_core_seconds=sum(one.available_core_seconds for one in used),
        spans=spans,
        wall_seconds=sum(one.wall_seconds for one in used),
        planned=_planned(submissions, spans),
    )


def _submissions(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The events of one submission after the other."""
    current: list[dict[str, Any]] = []
    for event in events:
        if event["event"] == "run-started" and current:
            yield current
            current = []
        if event["event"] not in OUTSIDE:
            current.append(event)
    if current:
        yield current


def _of_submission(events: list[dict[str, Any]]) -> Utilisation | None:
    changes = [(event["time"], event["workers"]) for event in events if "workers" in event]
    if not changes:
        return None
    spans = tuple(sorted(_spans(events), key=lambda span: span.start))
    # The first workers count from the run's start; one that was killed ends with its last event.
    times = [events[0]["time"], *(time for time, _ in changes[1:]), events[-1]["time"]]
    spells = zip(changes, pairwise(times), strict=True)
    available = sum(workers * (end - start) for (_, workers), (start, end) in spells)
    busy, wall = sum(span.core_seconds for span in spans), round(events[-1]["time"] - events[0]["time"], 3)
    return Utilisation(changes[-1][1], busy, available, spans, wall)


def _planned(submissions: Iterable[list[dict[str, Any]]], spans: Iterable[StageSpan]) -> Planned | None:
    """Of stages whose first plan is known and that are done; one that goes on counts with all that it took."""
    expected: dict[str, float] = {}
    done = set()
    for events in submissions:
        for event in events:
            if event["event"] == "run-started":
                expected = {**event.get("planned", {}), **expected}
            elif event["event"] == "stage-ended" and event["state"] == "done":
                done.add(event["stage"])
    compared = done.intersection(expected)
    spent = sum(span.core_seconds for span in spans if span.stage in compared)
    total = sum(expected[stage] for stage in compared)
    return Planned(total, spent) if total else None


def _spans(events: list[dict[str, Any]]) -> Iterator[StageSpan]:
    since: dict[str, float] = {}  # a stage began, or told of more work
    known: dict[str, float] = {}  # core-seconds of stages that have not ended
    for event in events:
        stage, name, time = event.get("stage", ""), event["event"], event["time"]
        if name == "stage-started":
            since[stage], known[stage] = time, 0.0
        elif stage in since:
            more = max(0.0, event.get("core_seconds", 0.0) - known[stage])
            if name == "stage-working" and not known[stage]:
                since[stage] = time  # it waited for a worker
            elif more or name == "stage-ended":
                yield StageSpan(stage, since[stage], time, more)
                since[stage], known[stage] = time, known[stage] + more
            if name == "stage-ended":
                del since[stage], known[stage]
    for stage, start in since.items():
        yield StageSpan(stage, start, events[-1]["time"], 0.0)
