"""What the labels' truncation leaves out: a sample of them solved again with more diffraction orders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from campaign.stages.labels import STORE as LABELS
from campaign.stages.simulator import Simulator
from campaign.work.context import StageContext
from campaign.work.simulations import simulate_designs
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.layout import Status
from results.store import SimulationStore
from results.truncation import TruncationError

STORE = "truncation.zarr"
SAMPLE_FOLDER = "sample"
ESTIMATE_FILE = "estimate.json"
LABEL_ROW, LABEL_Y = "label_row", "label_y"  # columns of the store: which label it is, and what it was


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the sample's simulations in ``truncation.zarr`` and what they say in ``estimate.json``.

    The sample is the first labels that did not fail: they were drawn at random. ``config["physics"]`` has the higher
    orders, ``config["label_orders"]`` those of the labels.
    """
    labels = SimulationStore.open(inputs["labels"] / LABELS)
    columns = labels.read("y", "status")
    rows = np.flatnonzero(columns["status"] == Status.DONE)[: config["sample"]]
    orders = config["label_orders"], config["physics"]["numerics"]["orders"]
    if len(rows):
        again = _solve_again(labels, rows, config, context)
    else:
        again = {LABEL_Y: np.empty(0), "y": np.empty(0)}
        context.facts["failed"] = 0
    estimate = estimated(columns["y"], again[LABEL_Y], again["y"], orders)
    (context.folder / ESTIMATE_FILE).write_text(json.dumps(asdict(estimate), indent=2) + "\n", encoding="utf-8")


def _solve_again(
    labels: SimulationStore, rows: np.ndarray, config: Mapping[str, Any], context: StageContext
) -> dict[str, np.ndarray]:
    columns = labels.read("z", "image", "y", rows=rows)
    sample = {"z": columns["z"], "image": pack_images(columns["image"]), LABEL_ROW: rows, LABEL_Y: columns["y"]}
    DesignSet(sample).save(context.folder / SAMPLE_FOLDER)
    simulator = Simulator.from_config(config["physics"])
    simulate_designs(simulator, config, context.folder / SAMPLE_FOLDER, STORE, context)
    return SimulationStore.open(context.folder / STORE).read("y", LABEL_Y)


def estimated(labels: np.ndarray, sample: np.ndarray, again: np.ndarray, orders: tuple[int, int]) -> TruncationError:
    """What the truncation leaves out.

    Parameters
    ----------
    labels
        y of all labels, NaN where they failed.
    sample
        y of the sample's labels, (n,).
    again
        y of the same designs with more orders, (n,), NaN where they failed.
    orders
        Of the labels, and the higher ones.
    """
    known = np.isfinite(again)
    difference = (again - sample)[known]
    return TruncationError(
        *orders,
        sample=len(sample),
        failed=int(np.count_nonzero(~known)),
        shift=_figure(np.mean, difference),
        mean_absolute=_figure(np.mean, np.abs(difference)),
        rms=_figure(lambda values: np.sqrt(np.mean(values**2)), difference),
        largest=_figure(np.max, np.abs(difference)),
        spread=_figure(np.std, labels[np.isfinite(labels)]),
    )


def _figure(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float | None:
    return float(statistic(values)) if len(values) else None


def read_estimate(folder: Path) -> TruncationError:
    """What a finished stage found."""
    return TruncationError(**json.loads((folder / ESTIMATE_FILE).read_text(encoding="utf-8")))


def read_pairs(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """y of the sample's labels and y with more orders, NaN where that failed, float64 (n,) each."""
    if not (folder / STORE).is_dir():
        return np.empty(0), np.empty(0)
    columns = SimulationStore.open(folder / STORE).read("y", LABEL_Y)
    return columns[LABEL_Y], columns["y"]
