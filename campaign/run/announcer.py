"""What a run tells while it goes on: events for those who follow it, lines in the driver's log, metrics for Ray."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.plan.kind import Stage
from campaign.record.events import EventLog, RunStatus

if TYPE_CHECKING:
    from cluster.driver.metrics import SimulationGauges
    from cluster.driver.runtime import RayRuntime


log = logging.getLogger(__name__)
GAUGE_SECONDS = 5.0
PROGRESS_SECONDS = 1.0  # at most one progress event a stage in this time

Listener = Callable[[dict[str, Any]], None]


class Announcer:
    """Tells the event log of one run, and whoever listens, from any of its threads."""

    def __init__(self, run_folder: Path, stages: Sequence[Stage], listener: Listener | None = None) -> None:
        self._name = run_folder.name
        self._stages = stages
        self._listener = listener
        self._events = EventLog(run_folder)
        self._status = RunStatus()
        self._gauges: SimulationGauges | None = None
        self._gauges_shown = 0.0
        self._untold: dict[str, dict[str, Any]] = {}  # progress between two events, by stage

    def tell(self, event: str, **facts: Any) -> None:
        """Write an event, and hand it to the listener."""
        self._events.write(event, **facts)
        heard = {"time": time.time(), "event": event, **facts}
        self._status.apply(heard)
        if event != "progress":
            told = " ".join(
                f"{name}={value}" for name, value in facts.items() if name not in {"stage", "stages"} and value
            )
            log.info("%s %s", event, told, extra={"stage": facts.get("stage", "")})
        if self._listener is not None:
            self._listener(heard)

    def progress_of(self, stage: str) -> Callable[..., None]:
        """What hears how far a stage is: ``done``, ``total`` and further facts; not every call becomes an event."""
        last = 0.0

        def progress(done: int, total: int, *, best_rep: float | None = None, **facts: Any) -> None:
            nonlocal last
            if best_rep is not None:
                facts["best_rep"] = best_rep
            self._untold[stage] = {"done": done, "total": total, **facts}
            now = time.monotonic()
            if done >= total or now - last >= PROGRESS_SECONDS:
                last = now
                self.tell_progress(stage)

        return progress

    def tell_progress(self, stage: str) -> None:
        """The latest progress of a stage, if it has not been told."""
        if (facts := self._untold.pop(stage, None)) is not None:
            self.tell("progress", stage=stage, **facts)

    def cluster_started(self, runtime: RayRuntime, workers: int) -> None:
        """Ray is there, with so many workers for this run; from now on it is told metrics."""
        from cluster.driver.metrics import SimulationGauges

        self._gauges = SimulationGauges(self._name)
        self.tell(
            "cluster-started",
            dashboard=runtime.dashboard_url,
            token_file=os.environ.get("RAY_AUTH_TOKEN_PATH"),  # None: where Ray itself keeps it
            cpus=runtime.cpus,
            gpus=runtime.gpus,
            workers=workers,
        )

    def cluster_changed(self, cpus: int, workers: int) -> None:
        """Nodes have come or gone."""
        self.tell("cluster-changed", cpus=cpus, workers=workers)

    def show_gauges(self) -> None:
        """Tell Ray's metrics how far each stage is; Ray forgets what it has not heard for twenty seconds."""
        now = time.time()
        if self._gauges is None or now - self._gauges_shown < GAUGE_SECONDS:
            return
        self._gauges_shown = now
        for stage in self._stages:
            status = self._status.stages[stage.name]
            if stage.simulations and status.total:
                self._gauges.set(
                    stage.name,
                    done=status.done,
                    failed=status.failed,
                    total=status.total,
                    per_second=status.rate(now) or 0.0,
                    best_rep=status.best_rep,
                )

    def close(self) -> None:
        """Nothing more will be told."""
        self._events.close()
