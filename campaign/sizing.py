"""How many simulations make one unit of work, which is one shard with one writer; it never changes a number."""

from __future__ import annotations

from campaign.cache import RecordIndex
from campaign.cost import seconds_per_simulation
from campaign.pipeline import Stage

UNIT_S = 10.0  # of work: handing out a unit and writing its shard cost some 50 ms
SHORTEST_S = 0.5  # even where that leaves workers without a unit
UNITS_A_WORKER = 8  # at least, so that none waits long for the last one
MOST_ROWS = 4096  # bounds the memory of a worker, and files stay of a size that file systems like
MOST_UNITS = 20_000  # of one store: each has a file in each of its arrays, see docs/scaling.md
LEAST_SECONDS = 1e-4  # what a simulation costs beside its physics


def rows_per_unit(stage: Stage, index: RecordIndex, workers: int, wanted: int | None) -> int:
    """Simulations in one unit of ``stage``: what is ``wanted``, else what suits their number and their cost."""
    if wanted is not None:
        return wanted
    if not stage.simulations or "physics" not in stage.config:
        return 1
    seconds, _ = seconds_per_simulation(stage, index)
    return suitable_rows(stage.simulations, max(LEAST_SECONDS, seconds), workers)


def suitable_rows(simulations: int, seconds: float, workers: int) -> int:
    """Rows of a unit, for so many simulations of so many seconds each on so many workers."""
    by_balance = max(simulations / (workers * UNITS_A_WORKER), SHORTEST_S / seconds)
    return int(max(1, min(UNIT_S / seconds, by_balance, simulations, MOST_ROWS), -(-simulations // MOST_UNITS)))
