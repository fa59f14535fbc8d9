"""What a stage will cost, in core-seconds: measured on earlier runs where there are any, else estimated.

The constants are medians of one core of the machine named in ``docs/results``; they are there to tell minutes from
days before anything has run, and are replaced by the cache's own timings as soon as a stage of that kind is done.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from campaign.cache import StageCache
from campaign.pipeline import Stage

SECONDS_PER_HARMONIC_CUBED = {"transfer": 1.3e-8, "eigen": 3.0e-7}  # GEMM, LU and eigenproblems grow as N^3
SECONDS_PER_TRAINING_PIXEL = 2.4e-6  # one GAN step: forward and backward of both networks, per image pixel
SECONDS_PER_GENERATED_PIXEL = 1.2e-7
SECONDS_PER_LABEL_EPOCH = 1.2e-5
TYPICAL_EPOCHS = 200
SECONDS_PER_SUGGESTION = 0.6


def core_seconds(stage: Stage, cache: StageCache) -> float:
    """Estimated work of ``stage`` on one core, in seconds."""
    if stage.simulations:
        return stage.simulations * (seconds_per_simulation(stage, cache) + _suggestion_seconds(stage))
    measured = [record.seconds for record in cache.records(stage.kind) if record.config == stage.config]
    return statistics.median(measured) if measured else _ESTIMATES.get(stage.kind, _negligible)(stage.config)


def seconds_per_simulation(stage: Stage, cache: StageCache) -> float:
    """Seconds that one RCWA simulation of ``stage`` takes on one core."""
    numerics = stage.config["physics"]["numerics"]
    measured = [
        record.facts["seconds_per_simulation"]
        for kind in ("labels", "verification")
        for record in cache.records(kind)
        if record.config["physics"]["numerics"] == numerics
    ]
    if measured:
        return statistics.median(measured)
    side = 2 * numerics["orders"] + 1
    harmonics = side**2 * (0.785 if numerics["truncation"] == "circular" else 1.0)
    return SECONDS_PER_HARMONIC_CUBED[numerics["solver"]] * harmonics**3


def _suggestion_seconds(stage: Stage) -> float:
    return SECONDS_PER_SUGGESTION if stage.kind == "optimization" else 0.0


def _generator_seconds(config: Mapping[str, Any]) -> float:
    if config["kind"] != "train":
        return 1.0
    return config["steps"] * config["batch_size"] * 128**2 * SECONDS_PER_TRAINING_PIXEL


def _latents_seconds(config: Mapping[str, Any]) -> float:
    return config["count"] * config["image_px"] ** 2 * SECONDS_PER_GENERATED_PIXEL


def _model_seconds(config: Mapping[str, Any]) -> float:
    if "mdn" not in config:
        return 0.1
    outputs = config["image_px"] ** 2 if config["kind"] == "direct-mdn" else 16
    return TYPICAL_EPOCHS * 4000 * SECONDS_PER_LABEL_EPOCH * max(1.0, outputs / 100)


def _tuning_seconds(config: Mapping[str, Any]) -> float:
    tune = config["tune"]
    return tune["trials"] * tune["max_epochs"] * 4000 * SECONDS_PER_LABEL_EPOCH / 2


def _negligible(config: Mapping[str, Any]) -> float:
    return 1.0


_ESTIMATES = {
    "generator": _generator_seconds,
    "latents": _latents_seconds,
    "model": _model_seconds,
    "tuning": _tuning_seconds,
}
