"""The optical property of every latent sample, by RCWA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from campaign.plan.config import FIRST_ROUND, prior_labels
from campaign.plan.finished import StageResults
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.plan.optics import simulation_of
from campaign.spec.base import Count
from campaign.spec.campaign import Spec
from campaign.stages.simulator import SimulationConfig, Simulator
from results.stores.layout import Status

if TYPE_CHECKING:
    from campaign.work.context import StageContext

STORE = "labels.zarr"


class LabelsConfig(SimulationConfig):
    """What labels are, for the latents that are read; ``taken`` of them, the first, were labelled in a round before."""

    taken: Count | None = Field(default=None, exclude_if=lambda value: value is None)


def run(config: LabelsConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Simulate the latents' images into ``labels.zarr``, those that an earlier round has not simulated."""
    from campaign.work.simulations import failed_rows, simulate_designs
    from results.stores.store import SimulationStore

    known = inputs["known"] / STORE if "known" in inputs else None
    simulator = Simulator.from_config(config.physics)
    simulate_designs(simulator, config.physics, inputs["latents"], STORE, context, known=known)
    if known is not None:  # whose failures its own record counts
        context.facts["failed"] -= len(failed_rows(SimulationStore.open(known)))


def label_count(stage: Stage[LabelsConfig]) -> int:
    """Labels that a stage leaves, failed ones and those of an earlier round included."""
    return stage.simulations + (stage.config.taken or 0)


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
        """One a data set and round; the last has the labels of all."""
        for dataset in spec.datasets:
            first = self._stage(spec, dataset, {"latents": f"latents/{dataset}"})
            if spec.labels.rounds == 1:
                yield first
                continue
            yield replace(first, mark=FIRST_ROUND)
            inputs = {"latents": f"aimed_latents/{dataset}", "known": prior_labels(spec, dataset)}
            yield self._stage(spec, dataset, inputs, taken=spec.labels.of_prior)

    def _stage(
        self, spec: Spec, dataset: str, inputs: Mapping[str, str], taken: int | None = None
    ) -> Stage[LabelsConfig]:
        simulation = simulation_of(spec, dataset)
        return Stage(
            self,
            LabelsConfig.make(spec, dataset, physics=simulation.physics, taken=taken),
            dataset,
            inputs=inputs,
            simulations=spec.labels.of_prior if taken is None else spec.labels.count - taken,
            seconds_each=simulation.seconds_each,
            providers=simulation.providers,
        )

    def cores(self, config: LabelsConfig) -> None:
        """All."""

    def footprint(self, config: LabelsConfig) -> Footprint:
        """What is taken over."""
        return Footprint() if config.taken is None else images_footprint(config.taken, config.image_px)

    def warnings(self, stages: Sequence[Stage[LabelsConfig]], results: StageResults) -> Iterator[str]:
        """Targets that lie outside what was labelled."""
        from results.stores.store import SimulationStore
        from results.table.reach import reach_of

        for stage in _last(stages):
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
        for stage in _last(stages):
            store = SimulationStore.open(results.folder(stage.name) / STORE)
            prior, count = spec.labels.of_prior, spec.designs_per_target
            images = store.images(slice(min(STATISTICS_IMAGES, prior)))
            yield ImageSet(f"{stage.dataset}, generated", images, stage.dataset)
            rows = store.read("y", "image", "status")
            yield reach_of(
                stage.dataset, rows["y"], spec.targets, count, rows["image"], spec.property_names, of_prior=prior
            )
            done = rows["status"] == Status.DONE
            fraction = volume_fraction(rows["image"][done])[:, 0]
            columns = zip(spec.physics.properties(), rows["y"][done].reshape(len(fraction), -1).T, strict=True)
            for place, (each, y) in enumerate(columns):
                bounds = {bound for target in spec.targets for bound in target.bounds[place] if np.isfinite(bound)}
                marks = tuple(sorted(bounds))
                distributions.append(LabelDistribution(stage.dataset, y, fraction, each.axis, marks))
        figure = label_distribution(distributions)
        caption = (
            f"Simulated {spec.property_name} of labelled microstructures. Left: a target (dashed) where labels are few "
            f"is hard for whatever learns from them.{_rounds(spec)} Right: how much of it the volume fraction alone "
            f"decides, {explained(distributions)}; the rest is for the arrangement to decide."
        )
        yield Picture("labels", "labels", figure, caption)


def _last(stages: Sequence[Stage[LabelsConfig]]) -> list[Stage[LabelsConfig]]:
    """The stages that have the labels of all rounds."""
    return [stage for stage in stages if stage.mark != FIRST_ROUND]


def _rounds(spec: Spec) -> str:
    prior, count = spec.labels.of_prior, spec.labels.count
    if prior == count:
        return ""
    return f" The first {prior:,} of {count:,} are of the prior, the others were aimed at the targets."
