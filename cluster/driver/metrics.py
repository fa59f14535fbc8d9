"""Numbers about simulations beside Ray's own metrics, at the endpoint of every node that Prometheus scrapes.

Ray puts ``ray_`` before each name, reports every ten seconds, and drops a value that was not set for twenty.
"""

from __future__ import annotations

from contextlib import suppress

import ray
from ray.util.metrics import Gauge

from cluster.driver.connection import DisconnectedError, connection

TAGS = ("run", "stage")
GAUGES = {
    "campaign_simulations_done": "simulations that have ended, those of earlier starts of the run included",
    "campaign_simulations_failed": "simulations that ended without a result",
    "campaign_simulations_total": "simulations that the stage will have done in the end",
    "campaign_simulations_per_second": "pace since this start of the stage; 0 when it does not run",
    "campaign_best_rep_percent": "smallest residual error percentage so far, of all targets of the stage",
}


class SimulationGauges:
    """Gauges of one run; to be made and set in a process that is connected to Ray."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._gauges = {name: Gauge(name, description, tag_keys=TAGS) for name, description in GAUGES.items()}

    def set(self, stage: str, *, done: int, failed: int, total: int, per_second: float, best_rep: float | None) -> None:
        """Tell how far a stage is; ``best_rep`` is None where there is no target, or nothing near one yet."""
        values = (done, failed, total, per_second, best_rep)
        with suppress(DisconnectedError), connection.in_use():
            if not ray.is_initialized():  # the cluster ends before the run does
                return
            for gauge, value in zip(self._gauges.values(), values, strict=True):
                if value is not None:
                    gauge.set(float(value), tags={"run": self._run, "stage": stage})
