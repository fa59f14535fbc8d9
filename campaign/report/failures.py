"""Simulations that failed, of all stages that simulate, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from campaign.plan.finished import StageResults
from results.report import DataTable
from results.stores.layout import Status
from results.stores.store import SimulationStore

MOST_SHOWN = 50


@dataclass(frozen=True)
class FailedSimulation:
    """A row of a stage's store, and why it came to nothing."""

    stage: str
    row: int
    error_class: str
    message: str


def failed_simulations(results: StageResults) -> Iterator[FailedSimulation]:
    """All failed simulations of a run."""
    for stage in results.pipeline.stages:
        if stage.descriptor.store is None or not results.record(stage.name).facts.get("failed"):
            continue
        columns = SimulationStore.open(results.folder(stage.name) / stage.descriptor.store).read(
            "status", "error_class", "error_message"
        )
        for row in np.flatnonzero(columns["status"] == Status.FAILED).tolist():
            yield FailedSimulation(
                stage.name, row, str(columns["error_class"][row]), str(columns["error_message"][row])
            )


def failure_table(failures: Sequence[FailedSimulation]) -> DataTable | None:
    """The first of them, with the number of each class; None where nothing failed."""
    if not failures:
        return None
    shown = tuple((each.stage, str(each.row), each.error_class, each.message) for each in failures[:MOST_SHOWN])
    classes = Counter(each.error_class for each in failures).most_common()
    caption = (
        f"{len(failures)} simulations were quarantined ({', '.join(f'{count} {name}' for name, count in classes)}); "
        f"{len(shown)} are shown. Their inputs are in the stores: `campaign replay stages/STAGE/STORE.zarr ROW` runs "
        "one again."
    )
    return DataTable(("stage", "row", "class", "message"), shown, caption)
