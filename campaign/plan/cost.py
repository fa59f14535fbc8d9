"""What a stage will cost, in core-seconds: measured on earlier runs where there are any, else estimated.

The estimates were measured on one core of a 2026 cloud machine. They are there to tell minutes from days before
anything has run; work is then timed by the cache's own records.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from campaign.cache.stage_cache import RecordIndex
from campaign.plan.kind import Stage
from campaign.plan.optics import effort
from campaign.plan.pipeline import Pipeline
from campaign.spec.methods import MdnTrainingBlock

SECONDS_TO_START = 1.0  # a task that does next to nothing
TYPICAL_EPOCHS = 120  # of a mixture density network, until early stopping
RATE_WEIGHT = 0.05  # of the expected rate beside timings, which overrule it as soon as they differ in size

UNIT_S = 10.0  # of work: handing out a unit and writing its shard cost some 50 ms
SHORTEST_S = 0.5  # even where that leaves workers without a unit
UNITS_A_WORKER = 8  # at least, so that none waits long for the last one
MOST_ROWS = 4096  # bounds the memory of a worker, and files stay of a size that file systems like
MOST_UNITS = 20_000  # of one store: each has a file in each of its arrays, see docs/scaling.md
LEAST_SECONDS = 1e-4  # what a simulation costs beside its physics


def core_seconds(stage: Stage[Any], pipeline: Pipeline, index: RecordIndex) -> tuple[float, bool]:
    """Work of ``stage`` on one core, in seconds, and whether it follows from earlier timings or is a rough estimate."""
    config = pipeline.parts[stage.name].config
    same = [record.core_seconds for record in index.records(stage.kind) if record.config == config]
    if same and not stage.simulations:
        return statistics.median(same), True
    own, timed = _own_seconds(stage, pipeline, index)
    if stage.simulations:
        each, timed = seconds_per_simulation(stage, pipeline, index)
        own += stage.simulations * each
    return own, timed


def _own_seconds(stage: Stage[Any], pipeline: Pipeline, index: RecordIndex) -> tuple[float, bool]:
    """What a stage does besides simulations."""
    kind = stage.descriptor
    expected = kind.work(stage.config, pipeline.inputs_of(stage)) * kind.seconds_per_work
    timings = [
        (record.facts["work"] * kind.seconds_per_work, record.facts.get("work_seconds", record.core_seconds))
        for record in index.records(stage.kind)
        if "work" in record.facts and (not stage.simulations or "work_seconds" in record.facts)
    ]
    if not timings:
        return SECONDS_TO_START + expected, False
    start, rate = fit_timings(timings)
    return start + rate * expected, True


def fit_timings(timings: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Start-up, in seconds, and rate of this machine beside the expected one, apart.

    Least squares of the relative errors, start-up not below 0. Timings of one size cannot tell the two apart: the
    expected rate is then believed, and where it is slower than what was measured, corrected.

    Parameters
    ----------
    timings
        Pairs of expected seconds, start-up left out, and measured ones, above 0.
    """
    expected, measured = np.maximum(np.array(timings, dtype=np.float64).T, [[0.0], [LEAST_SECONDS]])
    rows = np.column_stack([1 / measured, expected / measured])
    rows = np.vstack([rows, [0.0, RATE_WEIGHT]])  # (rate - 1) is to be small
    wanted = np.append(np.ones(len(measured)), RATE_WEIGHT)
    start, rate = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    if start < 0:
        start, rate = 0.0, rows[:, 1] @ wanted / (rows[:, 1] @ rows[:, 1])
    return float(start), float(max(rate, 0.0))


def seconds_per_simulation(stage: Stage[Any], pipeline: Pipeline, index: RecordIndex) -> tuple[float, bool]:
    """Seconds that one simulation of ``stage`` takes on one core, and whether that was measured."""
    wanted = effort(pipeline.parts[stage.name].config["physics"])
    kinds = {each.kind for each in pipeline.stages if each.simulations}
    measured = [
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
    return epochs * labels * (1 + 0.1 * outputs * mdn.components / 40)


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
