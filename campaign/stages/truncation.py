"""What the labels' truncation leaves out: a sample of them solved again with more diffraction orders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from campaign.context import StageContext
from campaign.design_set import DesignSet
from campaign.fanout import simulate_designs
from campaign.simulation import Simulator
from campaign.stages.labels import STORE as LABELS
from results.layout import Status, pack_images
from results.store import SimulationStore

STORE = "truncation.zarr"
SAMPLE_FOLDER = "sample"
ESTIMATE_FILE = "estimate.json"
LABEL_ROW, LABEL_Y = "label_row", "label_y"  # columns of the store: which label it is, and what it was


@dataclass(frozen=True)
class TruncationError:
    """Difference that more orders make, dA = A at ``higher_orders`` - A at ``orders``, over a sample of the labels.

    ``sample`` counts the labels solved again, ``failed`` those of them whose simulation failed and which count in no
    figure. The figures are None where none is left. ``spread`` is the standard deviation of all labels, the scale on
    which an error is large or small.
    """

    orders: int
    higher_orders: int
    sample: int
    failed: int
    shift: float | None
    mean_absolute: float | None
    rms: float | None
    largest: float | None
    spread: float | None

    @classmethod
    def of(cls, labels: np.ndarray, sample: np.ndarray, again: np.ndarray, orders: tuple[int, int]) -> TruncationError:
        """Compare.

        Args:
            labels: y of all labels, NaN where they failed.
            sample: y of the sample's labels, (n,).
            again: y of the same designs with more orders, (n,), NaN where they failed.
            orders: of the labels, and the higher ones.
        """
        known = np.isfinite(again)
        difference = (again - sample)[known]
        figures: tuple[float | None, ...] = (None,) * 4
        if len(difference):
            size = np.abs(difference)
            figures = (difference.mean(), size.mean(), np.sqrt(np.mean(difference**2)), size.max())
        done = labels[np.isfinite(labels)]
        return cls(
            *orders,
            len(sample),
            int(np.count_nonzero(~known)),
            *(None if figure is None else float(figure) for figure in figures),
            spread=float(done.std()) if len(done) else None,
        )


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
    estimate = TruncationError.of(columns["y"], again[LABEL_Y], again["y"], orders)
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


def read_estimate(folder: Path) -> TruncationError:
    """What a finished stage found."""
    return TruncationError(**json.loads((folder / ESTIMATE_FILE).read_text(encoding="utf-8")))


def read_pairs(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """y of the sample's labels and y with more orders, float64 (n,) each, without those that failed."""
    if not (folder / STORE).is_dir():
        return np.empty(0), np.empty(0)
    columns = SimulationStore.open(folder / STORE).read("y", LABEL_Y, "status")
    done = columns["status"] == Status.DONE
    return columns[LABEL_Y][done], columns["y"][done]
