"""What a stage will cost, in core-seconds: measured on earlier runs where there are any, else estimated.

The constants were measured on one core of a 2026 cloud machine. They are there to tell minutes from days before
anything has run; simulations are then timed by the cache's own records.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from campaign.cache.stage_cache import RecordIndex
from campaign.plan.pipeline import Pipeline, Stage

# GEMM, LU and eigenproblems grow as N^3.
SECONDS_PER_HARMONIC_CUBED = {"auto": 6.0e-9, "preconditioned": 6.0e-9, "transfer": 1.5e-8, "eigen": 5.0e-8}
CIRCLE_IN_SQUARE = 0.785
SECONDS_PER_TRAINING_PIXEL = 2.4e-6  # one GAN step, forward and backward of both networks, per pixel of the batch
SECONDS_PER_GENERATED_PIXEL = 1.2e-7
SECONDS_PER_LABEL_EPOCH = 1.0e-5  # the MDN's hidden layers
SECONDS_PER_LABEL_EPOCH_OUTPUT = 1.0e-6  # and its mixture of 40 Gaussians, per dimension of the output
TYPICAL_EPOCHS = 120  # until early stopping
SECONDS_PER_SUGGESTION_DIMENSION = 0.08  # Bayesian optimisation from 250 to 650 points
SECONDS_TO_START = 1.0  # a task that does next to nothing
SCALABLE = ("generator", "latents")  # whose configuration alone says how much there is to do


def core_seconds(stage: Stage, pipeline: Pipeline, index: RecordIndex) -> tuple[float, bool]:
    """Work of ``stage`` on one core, in seconds, and whether it follows from earlier timings or is a rough estimate."""
    same = [record.core_seconds for record in index.records(stage.kind) if record.config == stage.config]
    if same and not stage.simulations:
        return statistics.median(same), True
    own, timed = _own_seconds(stage, pipeline, index)
    if stage.simulations:
        each, timed = seconds_per_simulation(stage, index)
        own += stage.simulations * each
    return SECONDS_TO_START + own, timed


def _own_seconds(stage: Stage, pipeline: Pipeline, index: RecordIndex) -> tuple[float, bool]:
    """What a stage does besides simulations; scaled by how long its like took on this machine."""
    estimate = _ESTIMATES.get(stage.kind)
    if estimate is None:
        return 0.0, False
    seconds = estimate(stage.config, _labels_behind(stage, pipeline))
    ratios = [
        record.core_seconds / expected
        for record in index.records(stage.kind)
        if stage.kind in SCALABLE
        and record.config.get("kind") == stage.config.get("kind")
        and (expected := estimate(record.config, 0)) > 0
    ]
    return (seconds * statistics.median(ratios), True) if ratios else (seconds, False)


def seconds_per_simulation(stage: Stage, index: RecordIndex) -> tuple[float, bool]:
    """Seconds that one RCWA simulation of ``stage`` takes on one core, and whether that was measured."""
    physics = stage.config["physics"]
    effort = _effort(physics)
    measured = [
        record.facts["seconds_per_simulation"]
        for kind in ("labels", "truncation", "verification")
        for record in index.records(kind)
        if "seconds_per_simulation" in record.facts and _effort(record.config["physics"]) == effort
    ]
    if measured:
        return statistics.median(measured), True
    if stage.seconds_each is not None:
        return stage.seconds_each, False
    numerics, wavelengths, patterns = effort
    harmonics = (2 * numerics["orders"] + 1) ** 2 * (CIRCLE_IN_SQUARE if numerics["truncation"] == "circular" else 1.0)
    return SECONDS_PER_HARMONIC_CUBED[numerics["solver"]] * harmonics**3 * wavelengths * patterns, False


def _effort(physics: Mapping[str, Any]) -> tuple[Mapping[str, Any], int, int]:
    """What the time of a simulation follows: the numerics, the number of wavelengths and that of pattern layers.

    Of a simulator of somebody else's nothing is known: the same block, the same time.
    """
    if "implementation" in physics:
        return physics, 1, 1
    patterns = sum(layer["kind"] == "pattern" for layer in physics["layers"])
    return physics["numerics"], len(physics.get("wavelengths_nm", ())), patterns


def _labels_behind(stage: Stage, pipeline: Pipeline) -> int:
    return pipeline[stage.inputs["labels"]].simulations if "labels" in stage.inputs else 0


def _generator_seconds(config: Mapping[str, Any], labels: int) -> float:
    if config["kind"] != "train":
        return 0.0
    return config["steps"] * config["batch_size"] * config["image_px"] ** 2 * SECONDS_PER_TRAINING_PIXEL


def _latents_seconds(config: Mapping[str, Any], labels: int) -> float:
    return config["count"] * config["image_px"] ** 2 * SECONDS_PER_GENERATED_PIXEL


def _model_seconds(config: Mapping[str, Any], labels: int) -> float:
    if "mdn" not in config:
        return 0.0
    outputs = config["image_px"] ** 2 if config["kind"] == "direct-mdn" else config["latent"][0] * config["latent"][1]
    return _fit_seconds(config["mdn"], outputs, labels, min(TYPICAL_EPOCHS, config["mdn"]["max_epochs"]))


def _tuning_seconds(config: Mapping[str, Any], labels: int) -> float:
    tune = config["tune"]
    epochs = tune["trials"] * min(TYPICAL_EPOCHS, tune["max_epochs"]) / 2  # ASHA stops about half of the work
    return _fit_seconds(config["mdn"], 9, labels, epochs)


def _fit_seconds(mdn: Mapping[str, Any], outputs: int, labels: int, epochs: float) -> float:
    per_label = SECONDS_PER_LABEL_EPOCH + SECONDS_PER_LABEL_EPOCH_OUTPUT * outputs * mdn["components"] / 40
    return epochs * labels * per_label


def _optimization_seconds(config: Mapping[str, Any], labels: int) -> float:
    dimension = config["latent"][0] * config["latent"][1]
    return config["iterations"] * dimension * SECONDS_PER_SUGGESTION_DIMENSION


_ESTIMATES: Mapping[str, Callable[[Mapping[str, Any], int], float]] = {
    "generator": _generator_seconds,
    "latents": _latents_seconds,
    "model": _model_seconds,
    "tuning": _tuning_seconds,
    "optimization": _optimization_seconds,
}


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
