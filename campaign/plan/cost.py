"""What a stage will cost, in core-seconds: measured on earlier runs where there are any, else estimated.

The estimates were measured on one core of a 2026 cloud machine. They are there to tell minutes from days before
anything has run; work is then timed by the cache's own records.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from campaign.cache.stage_cache import RecordIndex, StageRecord
from campaign.plan.kind import Stage
from campaign.plan.optics import effort
from campaign.plan.pipeline import Pipeline
from campaign.spec.methods import MdnTrainingBlock

IN_PROCESS_FACT = "in_process"  # of a stage's record: whether its workers were threads of the driver's process
LIBRARIES_S = 3.0  # torch and what else a process loads once for all stages that share it
RANKS_S = 25.0  # for Ray Train to start a group of ranks, on two cores
TYPICAL_EPOCHS = 120  # of a mixture density network, until early stopping
# How much timings scatter: start-up by seconds, work by a share; and how far a machine may be from what is usual.
START_UP_SPREAD_S, RATE_SPREAD, LONG_START_S, MACHINE_SPREAD = 3.0, 0.2, 60.0, 1.0
LEAST_RATE = 0.2  # no machine is so much quicker than usual that short timings should say so

UNIT_S = 10.0  # of work: handing out a unit and writing its shard cost some 50 ms
SHORTEST_S = 0.5  # even where that leaves workers without a unit
UNITS_A_WORKER = 8  # at least, so that none waits long for the last one
MOST_ROWS = 4096  # bounds the memory of a worker, and files stay of a size that file systems like
MOST_UNITS = 20_000  # of one store: each has a file in each of its arrays, see docs/scaling.md
LEAST_SECONDS = 1e-4  # what a simulation costs beside its physics


def core_seconds(
    stage: Stage[Any], pipeline: Pipeline, index: RecordIndex, in_process: bool = False
) -> tuple[float, bool]:
    """Work of ``stage`` on one core, in seconds, and whether it follows from earlier timings or is a rough estimate.

    ``in_process``: its workers will be threads of the driver's process, to which ``LIBRARIES_S`` come once for all.
    """
    own, timed = _own_seconds(stage, pipeline, index, in_process)
    if stage.simulations:
        each, timed = seconds_per_simulation(stage, pipeline, index)
        own += stage.simulations * each
    return own, timed


def usual_start(stage: Stage[Any], in_process: bool) -> float:
    """Seconds that a stage takes with next to nothing to do, as its kind says."""
    if in_process:
        return stage.descriptor.seconds_in_process
    return stage.descriptor.seconds_to_start + (RANKS_S if (stage.cores or 1) > 1 else 0.0)


def _own_seconds(stage: Stage[Any], pipeline: Pipeline, index: RecordIndex, in_process: bool) -> tuple[float, bool]:
    """What a stage does besides simulations: as long as the same took before, else by its work and what others took."""
    kind, config = stage.descriptor, pipeline.parts[stage.name].config
    work = kind.work(stage.config, pipeline.inputs_of(stage))
    start = usual_start(stage, in_process)

    def seconds_here(record: StageRecord) -> float:
        """What it took, with the start-up of here in place of that where it ran."""
        taken = record.facts.get("work_seconds", record.core_seconds)
        was_in_process = record.facts.get(IN_PROCESS_FACT, False)
        if was_in_process == in_process:
            return taken
        return max(0.0, taken - usual_start(stage, was_in_process)) + start

    timed = [
        (record, seconds_here(record))
        for record in index.records(stage.kind)
        if "work" in record.facts and (not stage.simulations or "work_seconds" in record.facts)
    ]
    same = [
        seconds
        for record, seconds in timed
        if but_seed(record.config) == but_seed(config) and record.facts["work"] == work
    ]
    if same:
        return statistics.median(same), True
    if not timed:
        return start + work * kind.seconds_per_work, False
    timings = [(record.facts["work"] * kind.seconds_per_work, seconds) for record, seconds in timed]
    start, rate = fit_timings(timings, start)
    return start + rate * work * kind.seconds_per_work, True


def but_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration decides its cost: repeats differ in nothing but the seed."""
    return {name: value for name, value in config.items() if name != "seed"}


def fit_timings(timings: Sequence[tuple[float, float]], usual_start: float) -> tuple[float, float]:
    """Start-up, in seconds, and rate of this machine beside the expected one, apart.

    Least squares. Start-up differs by seconds from one time to the next (whose worker has
    loaded what), so that short timings say little of the rate, which is then the expected one.

    Parameters
    ----------
    timings
        Pairs of expected seconds, start-up left out, and measured ones.
    usual_start
        Start-up that is expected.
    """
    expected, measured = np.array(timings, dtype=np.float64).T
    weights = 1 / (START_UP_SPREAD_S + RATE_SPREAD * measured)
    rows = np.column_stack([weights, weights * expected])
    # The usual start-up and the expected rate are two timings more.
    rows = np.vstack([rows, [1 / LONG_START_S, 0.0], [0.0, 1 / MACHINE_SPREAD]])
    wanted = np.append(weights * measured, [usual_start / LONG_START_S, 1 / MACHINE_SPREAD])
    start, rate = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    if start < 0:
        start, rate = 0.0, rows[:, 1] @ wanted / (rows[:, 1] @ rows[:, 1])
    if rate < LEAST_RATE:
        start, rate = np.average(measured - LEAST_RATE * expected, weights=weights**2), LEAST_RATE
    return max(0.0, float(start)), float(rate)


def seconds_per_simulation(stage: Stage[Any], pipeline: Pipeline, index: RecordIndex) -> tuple[float, bool]:
    """Seconds that one simulation of ``stage`` takes on one core, and whether that was measured."""
    wanted = effort(pipeline.parts[stage.name].config["physics"])
    kinds = {each.kind for each in pipeline.stages if each.simulations}
    tried = [seconds for known, seconds in index.timings if known == wanted]
    measured = tried or [
        record.facts["seconds_per_simulation"]
        for kind in sorted(kinds)
        for record in index.records(kind)
        if "seconds_per_simulation" in record.facts and effort(record.config["physics"]) == wanted
    ]
    return (statistics.median(measured), True) if measured else (stage.seconds_each, False)


def fitting_work(mdn: MdnTrainingBlock, outputs: int, labels: int, epochs: float) -> float:
    """Labels that the fit of a mixture density network sees, each counted by what it costs: hidden layers and mixture.

    Parameters
    ----------
    outputs
        Dimensions of what the network predicts.
    labels
        How many it learns from.
    """
    return epochs * labels * (1 + 0.025 * outputs * mdn.components / 40)


def rows_per_unit(stage: Stage[Any], pipeline: Pipeline, index: RecordIndex, workers: int, wanted: int | None) -> int:
    """Simulations in one unit of ``stage``: what is ``wanted``, else what suits their number and their cost."""
    usual = wanted or 1
    if wanted is None and stage.simulations:
        seconds, _ = seconds_per_simulation(stage, pipeline, index)
        usual = suitable_rows(stage.simulations, max(LEAST_SECONDS, seconds), workers)
    return stage.descriptor.rows_per_unit(stage.config, usual)


def suitable_rows(simulations: int, seconds: float, workers: int) -> int:
    """Rows of a unit, for so many simulations of so many seconds each on so many workers."""
    by_balance = max(simulations / (workers * UNITS_A_WORKER), SHORTEST_S / seconds)
    return int(max(1, min(UNIT_S / seconds, by_balance, simulations, MOST_ROWS), -(-simulations // MOST_UNITS)))
