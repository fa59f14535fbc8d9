"""The optical property of every latent sample, by RCWA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage, StageKind
from campaign.plan.optics import simulation_of
from campaign.spec.campaign import Spec
from campaign.stages.simulator import SimulationConfig, Simulator
from results.stores.layout import Status

if TYPE_CHECKING:
    from campaign.work.context import StageContext

STORE = "labels.zarr"


class LabelsConfig(SimulationConfig):
    """What labels are, for the latents that are read."""


def run(config: LabelsConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Simulate the latents' images into ``labels.zarr``."""
    from campaign.work.simulations import simulate_designs

    simulate_designs(Simulator.from_config(config.physics), config.physics, inputs["latents"], STORE, context)


def read_labels(store: Path) -> dict[str, np.ndarray]:
    """``y``, ``z`` and ``image`` of all labels that did not fail."""
    from results.stores.store import SimulationStore

    columns = SimulationStore.open(store).read("y", "z", "image", "status")
    done = columns.pop("status") == Status.DONE
    return {name: column[done] for name, column in columns.items()}


class LabelsKind(StageKind[LabelsConfig]):
    """The labelled images that methods learn from and search from."""

    name = "labels"
    schema_version = 5
    store = STORE

    def stages(self, spec: Spec) -> Iterator[Stage[LabelsConfig]]:
        """One a data set."""
        for dataset in spec.datasets:
            simulation = simulation_of(spec, dataset)
            yield Stage(
                self,
                LabelsConfig.make(spec, dataset, physics=simulation.physics),
                dataset,
                inputs={"latents": f"latents/{dataset}"},
                simulations=spec.labels.count,
                seconds_each=simulation.seconds_each,
                providers=simulation.providers,
            )

    def cores(self, config: LabelsConfig) -> None:
        """All."""

    def warnings(self, stages: Sequence[Stage[LabelsConfig]], results: StageResults) -> Iterator[str]:
        """Targets that lie outside what was labelled."""
        from results.stores.store import SimulationStore
        from results.table.reach import reach_of

        for stage in stages:
            y = SimulationStore.open(results.folder(stage.name) / STORE).read("y")["y"]
            spec = results.spec
            reach = reach_of(stage.dataset, y, spec.targets, spec.designs_per_target, names=spec.property_names)
            if reach.outside:
                yield reach.outside_sentence()

    def report(self, stages: Sequence[Stage[LabelsConfig]], results: StageResults) -> Iterator[object]:
        """What was learnt from: the images and their property, and how far that reaches."""
        from ganmdn.statistics import volume_fraction
        from results.figures.morphology import (
            STATISTICS_IMAGES,
            ImageSet,
            LabelDistribution,
            explained,
            label_distribution,
        )
        from results.report import Picture
        from results.stores.store import SimulationStore
        from results.table.reach import reach_of

        distributions, spec = [], results.spec
        for stage in stages:
            store = SimulationStore.open(results.folder(stage.name) / STORE)
            yield ImageSet(f"{stage.dataset}, generated", store.images(slice(STATISTICS_IMAGES)), stage.dataset)
            known = read_labels(store.path)
            count, names = spec.designs_per_target, spec.property_names
            yield reach_of(stage.dataset, known["y"], spec.targets, count, known["image"], names)
            fraction = volume_fraction(known["image"])[:, 0]
            columns = zip(spec.physics.properties(), known["y"].reshape(len(fraction), -1).T, strict=True)
            for place, (each, y) in enumerate(columns):
                bounds = {bound for target in spec.targets for bound in target.bounds[place] if np.isfinite(bound)}
                marks = tuple(sorted(bounds))
                distributions.append(LabelDistribution(stage.dataset, y, fraction, each.axis, marks))
        figure = label_distribution(distributions)
        caption = (
            f"Simulated {spec.property_name} of labelled microstructures. Left: a target (dashed) where labels are few "
            "is hard for whatever learns from them. Right: how much of it the volume fraction alone decides, "
            f"{explained(distributions)}; the rest is for the arrangement to decide."
        )
        yield Picture("labels", "labels", figure, caption)
