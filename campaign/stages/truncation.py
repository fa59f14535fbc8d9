"""What the labels' truncation leaves out: a sample of them solved again with more diffraction orders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import prior_labels
from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage, StageKind
from campaign.plan.optics import Optics, simulation_of
from campaign.spec.base import Count
from campaign.spec.campaign import Spec
from campaign.spec.plugin import SimulatorConfig
from campaign.stages.labels import STORE as LABELS
from campaign.stages.simulator import SimulationConfig, Simulator
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.stores.layout import Status, split_columns
from results.table.truncation import TruncationError
from results.wanted import known

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from results.stores.store import SimulationStore

STORE = "truncation.zarr"
SAMPLE_FOLDER = "sample"
ESTIMATE_FILE = "estimate.json"
LABEL_ROW, LABEL_Y = "label_row", "label_y"  # columns of the store: which label it is, and what it was


class TruncationConfig(SimulationConfig):
    """How many labels are solved again: ``physics`` has the higher orders, ``label_orders`` are those of the labels."""

    physics: Optics
    sample: Count
    label_orders: Count


def run(config: TruncationConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the sample's simulations in ``truncation.zarr`` and what they say in ``estimate.json``.

    The sample is the first labels that did not fail: they were drawn at random.
    """
    from results.stores.store import SimulationStore

    labels = SimulationStore.open(inputs["labels"] / LABELS)
    columns = labels.read("y", "status")
    rows = np.flatnonzero(columns["status"] == Status.DONE)[: config.sample]
    if len(rows):
        again = _solve_again(labels, rows, config, context)
    else:
        again = {LABEL_Y: np.empty(0), "y": np.empty(0)}
        context.facts["failed"] = 0
    orders = config.label_orders, config.physics.numerics.orders
    estimate = estimated(columns["y"], again[LABEL_Y], again["y"], orders)
    (context.folder / ESTIMATE_FILE).write_text(json.dumps(asdict(estimate), indent=2) + "\n", encoding="utf-8")


def _solve_again(
    labels: SimulationStore, rows: np.ndarray, config: TruncationConfig, context: StageContext
) -> dict[str, np.ndarray]:
    from campaign.work.simulations import simulate_designs
    from results.stores.store import SimulationStore

    columns = labels.read("z", "image", "y", rows=rows)
    labelled = split_columns({LABEL_Y: columns["y"]})
    sample = {"z": columns["z"], "image": pack_images(columns["image"]), LABEL_ROW: rows, **labelled}
    DesignSet(sample).save(context.folder / SAMPLE_FOLDER)
    simulator = Simulator.from_config(config.physics)
    simulate_designs(simulator, config.physics, context.folder / SAMPLE_FOLDER, STORE, context)
    return SimulationStore.open(context.folder / STORE).read("y", LABEL_Y)


def estimated(labels: np.ndarray, sample: np.ndarray, again: np.ndarray, orders: tuple[int, int]) -> TruncationError:
    """What the truncation leaves out.

    Parameters
    ----------
    labels
        y of all labels, (n,) or (n, D), NaN where they failed; figures are over all properties together.
    sample
        y of the sample's labels, (n,) or (n, D).
    again
        y of the same designs with more orders, (n,) or (n, D), NaN where they failed.
    orders
        Of the labels, and the higher ones.
    """
    solved = known(again)
    difference = (again - sample)[solved]
    return TruncationError(
        *orders,
        sample=len(sample),
        failed=int(np.count_nonzero(~solved)),
        shift=_figure(np.mean, difference),
        mean_absolute=_figure(np.mean, np.abs(difference)),
        rms=_figure(lambda values: np.sqrt(np.mean(values**2)), difference),
        largest=_figure(np.max, np.abs(difference)),
        spread=_figure(lambda values: np.std(values, axis=0).mean(), labels[known(labels)]),
    )


def _figure(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float | None:
    return float(statistic(values)) if len(values) else None


class TruncationKind(StageKind[TruncationConfig]):
    """How far labels may be off for the orders that they keep."""

    name = "truncation"
    schema_version = 4
    store = STORE

    def stages(self, spec: Spec) -> Iterator[Stage[TruncationConfig]]:
        """One a data set, where a sample is asked for; simulators of other packages keep no orders."""
        sample = min(spec.labels.truncation_sample, spec.labels.of_prior)
        if not sample or isinstance(spec.physics, SimulatorConfig):
            return
        for dataset in spec.datasets:
            simulation = simulation_of(spec, dataset, spec.truncation_orders_of(dataset))
            config = TruncationConfig.make(
                spec,
                dataset,
                physics=simulation.physics,
                sample=sample,
                label_orders=spec.physics.orders_of(dataset),
            )
            inputs = {"labels": prior_labels(spec, dataset)}
            yield Stage(self, config, dataset, inputs=inputs, simulations=sample, seconds_each=simulation.seconds_each)

    def cores(self, config: TruncationConfig) -> None:
        """All."""

    def report(self, stages: Sequence[Stage[TruncationConfig]], results: StageResults) -> Iterator[object]:
        """Each label of the samples beside itself with more orders; the estimates also stand with the table."""
        from results.figures.truncation import TruncationSample, truncation_error
        from results.report import Picture

        samples = []
        for stage in stages:
            folder = results.folder(stage.name)
            error = TruncationError(**json.loads((folder / ESTIMATE_FILE).read_text(encoding="utf-8")))
            samples.append(TruncationSample(stage.dataset, *self._pairs(folder), error))
        yield from samples
        reading = "Labels on the dashed line would not change with more diffraction orders."
        sentences = " ".join(sample.error.sentence(sample.dataset) for sample in samples)
        yield Picture("labels", "truncation", truncation_error(samples), f"{reading} {sentences}")

    def _pairs(self, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        """y of the sample's labels and y with more orders, NaN where that failed, float64 (n,) each."""
        from results.stores.store import SimulationStore

        if not (folder / STORE).is_dir():
            return np.empty(0), np.empty(0)
        columns = SimulationStore.open(folder / STORE).read("y", LABEL_Y)
        return columns[LABEL_Y], columns["y"]
