"""The most promising candidates of a method solved at few diffraction orders, as ``low_orders`` of a method asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import inverse_methods, learning, low_order_stage, low_orders_of
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.plan.optics import Optics, simulation_of
from campaign.plan.repeats import repeats_of
from campaign.spec.base import Count
from campaign.spec.campaign import Spec
from campaign.spec.methods import ForwardSearchBlock
from campaign.spec.physics import of_dataset
from campaign.spec.targets import WrittenTarget
from campaign.stages.labels import STORE as LABELS
from campaign.stages.labels import read_labels
from campaign.stages.simulator import SimulationConfig, Simulator
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.stores.layout import Status

if TYPE_CHECKING:
    from campaign.work.context import StageContext

STORE = "low_orders.zarr"
CHOSEN_FOLDER = "chosen"
LABEL, CANDIDATE = "label_row", "candidate_row"  # columns: which known label or candidate a row is, -1 for neither
ACCURACY = 1e-3  # of the linear algebra: the truncation leaves out more
MOST_KEPT = 10_000  # candidates of a bank, about


class LowOrdersConfig(SimulationConfig):
    """What is solved, at the orders of ``physics``, and what for."""

    physics: Optics
    targets: tuple[WrittenTarget, ...]
    candidates: Count
    labels: Count


def run(config: LowOrdersConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the model that was read with what is now expected of its candidates, and the solves in the store."""
    from campaign.work.simulations import simulate_designs
    from results.stores.store import SimulationStore

    labels = inputs["labels"] / LABELS
    DesignSet(context.task(chosen, config, inputs["model"], labels)).save(context.folder / CHOSEN_FOLDER)
    simulator = Simulator.from_config(config.physics)
    simulate_designs(simulator, config.physics, context.folder / CHOSEN_FOLDER, STORE, context)
    context.facts |= context.task(correct, config, inputs["model"], labels, context.folder)
    columns = SimulationStore.open(labels).read("seconds", "status")
    a_label = float(np.mean(columns["seconds"][columns["status"] == Status.DONE]))
    solved = float(np.sum(SimulationStore.open(context.folder / STORE).read("seconds")["seconds"]))
    shared = solved / a_label / len(config.targets)
    context.facts["shared_label_equivalents"] = {str(target): shared for target in config.targets}


def chosen(config: LowOrdersConfig, model: Path, labels: Path) -> dict[str, np.ndarray]:
    """Labels and candidates to solve, as columns of a ``DesignSet``; runs on a worker."""
    from ganmdn.forward_search import ForwardSearch
    from ganmdn.low_orders import promising, telling

    search, known = ForwardSearch.load(model), read_labels(labels)
    of_labels = telling(search.left_out, config.targets, min(config.labels, len(known["y"])))
    of_bank = promising(search.bank, config.targets, config.candidates)
    images = np.concatenate([known["image"][of_labels], search.bank.images[of_bank]])
    neither = (np.full(len(rows), -1, dtype=np.int64) for rows in (of_bank, of_labels))
    return {
        "z": np.concatenate([known["z"][of_labels], search.bank.z[of_bank]]).astype(np.float32),
        "image": pack_images(images),
        LABEL: np.concatenate([of_labels, next(neither)]),
        CANDIDATE: np.concatenate([next(neither), of_bank]),
    }


def correct(config: LowOrdersConfig, model: Path, labels: Path, folder: Path) -> dict[str, Any]:
    """Write the model with its candidates corrected into ``folder``; facts of that. Runs on a worker."""
    from ganmdn.forward_search import ForwardSearch
    from ganmdn.low_orders import corrected_bank
    from results.stores.store import SimulationStore

    search, known = ForwardSearch.load(model), read_labels(labels)
    solved = SimulationStore.open(folder / STORE).read("y", LABEL, CANDIDATE)
    of_labels, of_bank = (solved[name] >= 0 for name in (LABEL, CANDIDATE))
    rows = solved[LABEL][of_labels]
    bank, quality = corrected_bank(
        search.bank,
        solved[CANDIDATE][of_bank],
        solved["y"][of_bank],
        (known["y"][rows], solved["y"][of_labels], search.left_out[rows]),
    )
    ForwardSearch(bank, search.left_out).save(folder)
    return {**asdict(quality), "candidates": int(of_bank.sum()), "labels": int(of_labels.sum())}


class LowOrdersKind(StageKind[LowOrdersConfig]):
    """A method's model with what a cheap solve tells of its candidates: designs are asked of it in place of that."""

    name = "low_orders"
    schema_version = 2
    store = STORE
    seconds_to_start = 3.0
    seconds_in_process = 1.0

    def stages(self, spec: Spec) -> Iterator[Stage[LowOrdersConfig]]:
        """One a data set and repeat of whatever asks for the same solves of the same model."""
        for dataset in spec.datasets:
            for method in inverse_methods(spec, dataset):
                if low_orders_of(method) and low_order_stage(spec, method, dataset) == method.method_name:
                    for repeat in repeats_of(spec, method):
                        yield self._stage(spec, dataset, method, repeat)

    def _stage(self, spec: Spec, dataset: str, method: ForwardSearchBlock, repeat: int) -> Stage[LowOrdersConfig]:
        block = low_orders_of(method)
        simulation = simulation_of(spec, dataset, of_dataset(block.orders, dataset))
        physics = simulation.physics
        assert isinstance(physics, Optics), "the spec's rules ask for rcwa"
        numerics = physics.numerics.model_copy(update={"accuracy": max(ACCURACY, physics.numerics.accuracy)})
        config = LowOrdersConfig.make(
            spec,
            dataset,
            physics=physics.model_copy(update={"numerics": numerics}),
            targets=spec.targets,
            candidates=block.candidates,
            labels=block.labels,
        )
        return Stage(
            self,
            config,
            dataset,
            method.method_name,
            repeat=repeat,
            inputs={"model": learning(spec, method, dataset, repeat), "labels": f"labels/{dataset}"},
            simulations=block.labels + block.candidates * len(spec.targets),
            seconds_each=simulation.seconds_each,
        )

    def cores(self, config: LowOrdersConfig) -> None:
        """All."""

    def footprint(self, config: LowOrdersConfig) -> Footprint:
        """The candidates once more."""
        return images_footprint(MOST_KEPT, config.image_px)
