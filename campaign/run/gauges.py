"""Numbers about a run's simulations for Prometheus, beside Ray's own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaign.plan.pipeline import Stage
from campaign.record.events import Event
from campaign.record.status import RunStatus

if TYPE_CHECKING:
    from cluster.driver.metrics import SimulationGauges

GAUGE_SECONDS = 5.0  # Ray forgets what was not set for twenty


class RunGauges:
    """Listens to a run's events, and shows how far each of its simulating stages is."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        """Show nothing yet.

        Parameters
        ----------
        stages
            Of the run's pipeline.
        """
        self.gauges: SimulationGauges | None = None  # once there is a Ray to show them
        self._simulating = [stage.name for stage in stages if stage.simulations]
        self._status = RunStatus()
        self._shown = 0.0

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self._status.apply(event)

    def show(self) -> None:
        """Set the gauges, every five seconds however often this is called."""
        now = time.time()
        if self.gauges is None or now - self._shown < GAUGE_SECONDS:
            return
        self._shown = now
        for name in self._simulating:
            stage = self._status.stages[name]
            if stage.total:
                self.gauges.set(
                    name,
                    done=stage.done,
                    failed=stage.failed,
                    total=stage.total,
                    per_second=stage.rate(now) or 0.0,
                    best_rep=stage.best_rep,
                )
