"""The optical property of every design, by RCWA: what the paper's Table 1 judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.plan.config import designing, inverse_methods
from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage, StageKind
from campaign.plan.optics import simulation_of
from campaign.spec.campaign import Spec
from campaign.stages.designs import DESIGNS_FOLDER
from campaign.stages.simulator import SimulationConfig, Simulator

if TYPE_CHECKING:
    from campaign.plan.spent import Spent
    from campaign.work.context import StageContext
    from results.figures.gallery import MethodDesigns
    from results.figures.targets import Achieved
    from results.judged import JudgedDesigns
    from results.store import SimulationStore
    from results.tables import TableRow

STORE = "designs.zarr"


class VerificationConfig(SimulationConfig):
    """With what physics the designs that are read are judged."""


def run(config: VerificationConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Simulate the designs into ``designs.zarr``, which keeps each design's target."""
    from campaign.work.simulations import simulate_designs

    designs = inputs["designs"] / DESIGNS_FOLDER
    simulate_designs(Simulator.from_config(config.physics), config.physics, designs, STORE, context)


class VerificationKind(StageKind[VerificationConfig]):
    """What a method's designs achieve."""

    name = "verification"
    schema_version = 4
    store = STORE

    def stages(self, spec: Spec) -> Iterator[Stage[VerificationConfig]]:
        """One an inverse model and data set."""
        for dataset in spec.datasets:
            simulation = simulation_of(spec, dataset)
            for method in inverse_methods(spec, dataset):
                yield Stage(
                    self,
                    VerificationConfig.make(spec, dataset, physics=simulation.physics),
                    dataset,
                    method.method_name,
                    inputs={"designs": designing(method, dataset)},
                    simulations=len(spec.targets) * spec.designs_per_target,
                    seconds_each=simulation.seconds_each,
                    providers=simulation.providers,
                )

    def cores(self, config: VerificationConfig) -> None:
        """All."""

    def report(self, stages: Sequence[Stage[VerificationConfig]], results: StageResults) -> Iterator[object]:
        """Rows of the table, the best designs, and where all of them landed."""
        from campaign.plan.spent import Spent
        from results.figures.targets import Achieved, achieved_against_target
        from results.judged import COLUMNS, PREDICTION, JudgedDesigns
        from results.report import Picture
        from results.store import SimulationStore

        achieved = []
        for stage in stages:
            store = SimulationStore.open(results.folder(stage.name) / STORE)
            columns = store.read(*COLUMNS, *(name for name in PREDICTION if name in store.names))
            spent = Spent.of(stage, results)
            for target in results.spec.targets:
                designs = JudgedDesigns.of(columns, target)
                achieved.append(Achieved(stage.dataset, stage.method, target, designs.y))
                yield self._row(achieved[-1], designs, spent)
            yield self._best(stage, store, results.spec)
        caption = "Simulated absorption of every design against the absorption that was asked for."
        yield Picture("achieved", "achieved", achieved_against_target(achieved), caption)

    def _row(self, achieved: Achieved, designs: JudgedDesigns, spent: Spent) -> TableRow:
        from ganmdn.metrics import RepSummary
        from results.tables import TableRow, if_finite

        summary = RepSummary.of(designs.y, achieved.target)
        return TableRow(
            achieved.dataset,
            achieved.method,
            achieved.target,
            if_finite(summary.minimum),
            if_finite(summary.mean),
            if_finite(summary.standard_deviation),
            seconds=spent.seconds(achieved.target),
            designs=len(designs.y),
            failed=summary.failed,
            labels=spent.labels,
            simulations=spent.simulations(achieved.target),
            label_equivalents=spent.label_equivalents(achieved.target),
            mean_achieved=designs.mean_achieved,
            distance=designs.distance,
            copies=designs.copies,
            within_interval=designs.within_interval,
        )

    def _best(self, stage: Stage[VerificationConfig], store: SimulationStore, spec: Spec) -> MethodDesigns:
        from results.figures.gallery import MethodDesigns, nearest_design

        count = spec.designs_per_target
        rows = [slice(first, first + count) for first in range(0, len(spec.targets) * count, count)]
        best = [nearest_design(store, each, target) for each, target in zip(rows, spec.targets, strict=True)]
        return MethodDesigns(stage.dataset, stage.method, tuple(best))
