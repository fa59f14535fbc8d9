"""The optical property of every design, by RCWA: what the paper's Table 1 judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.plan.config import designing, inverse_methods
from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage, StageKind, by_repeats
from campaign.plan.optics import simulation_of
from campaign.plan.repeats import repeats_of, seed_of
from campaign.spec.campaign import Spec
from campaign.stages.designs import DESIGNS_FOLDER
from campaign.stages.simulator import SimulationConfig, Simulator

if TYPE_CHECKING:
    from campaign.plan.finished import StageRows
    from campaign.plan.spent import SpentByRepeats
    from campaign.work.context import StageContext
    from ganmdn.targets import Target
    from results.figures.gallery import MethodDesigns
    from results.stores.store import SimulationStore
    from results.table.bootstrap import Interval
    from results.table.judged import JudgedRepeats
    from results.table.rows import TableRow

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
    schema_version = 5
    store = STORE

    def stages(self, spec: Spec) -> Iterator[Stage[VerificationConfig]]:
        """One a repeat of an inverse model and data set."""
        for dataset in spec.datasets:
            simulation = simulation_of(spec, dataset)
            for method in inverse_methods(spec, dataset):
                for repeat in repeats_of(spec, method):
                    yield Stage(
                        self,
                        VerificationConfig.make(spec, dataset, physics=simulation.physics),
                        dataset,
                        method.method_name,
                        repeat=repeat,
                        inputs={"designs": designing(method, dataset, repeat)},
                        simulations=len(spec.targets) * spec.designs_per_target,
                        seconds_each=simulation.seconds_each,
                        providers=simulation.providers,
                    )

    def cores(self, config: VerificationConfig) -> None:
        """All."""

    def rows_behind(
        self, stage: Stage[VerificationConfig], results: StageResults
    ) -> Iterator[tuple[Target, tuple[StageRows, ...]]]:
        """The designs for each target."""
        from campaign.plan.finished import StageRows
        from results.stores.store import SimulationStore

        targets = SimulationStore.open(results.folder(stage.name) / STORE).read("target")["target"]
        for target in results.spec.targets:
            yield target, (StageRows(stage.name, tuple(target.rows(targets).nonzero()[0].tolist())),)

    def report(self, stages: Sequence[Stage[VerificationConfig]], results: StageResults) -> Iterator[object]:
        """Rows of the table, the best designs, and where all of them landed."""
        from campaign.plan.spent import SpentByRepeats
        from results.figures.targets import Achieved, achieved_against_target, in_band
        from results.report import Picture
        from results.stores.store import SimulationStore
        from results.table.bootstrap import mean_intervals
        from results.table.judged import COLUMNS, PREDICTION, JudgedDesigns, JudgedRepeats

        achieved = []
        for repeats in by_repeats(stages):
            stores = [SimulationStore.open(results.folder(stage.name) / STORE) for stage in repeats]
            columns = [store.read(*COLUMNS, *(name for name in PREDICTION if name in store.names)) for store in stores]
            spent = SpentByRepeats.of(repeats, results)
            seeds = tuple(seed_of(results.spec, stage.repeat) for stage in repeats)
            dataset, method = repeats[0].dataset, repeats[0].method
            judged = {
                target: JudgedRepeats(tuple(JudgedDesigns.of(each, target) for each in columns))
                for target in results.spec.targets
            }
            intervals, average = mean_intervals([designs.reps(target) for target, designs in judged.items()])
            for (target, designs), interval in zip(judged.items(), intervals, strict=True):
                achieved.append(Achieved(dataset, method, target, designs.together.y))
                yield self._row(dataset, method, target, designs, spent, seeds, interval, average)
            yield self._best(dataset, method, stores, results.spec)
        name, axes = results.spec.property_name, [each.axis for each in results.spec.physics.properties()]
        caption = (
            f"Simulated {name} of every design beside the {name} that was asked for. A method works where its dots lie "
            f"in the grey bands. Share of designs in the bands: {in_band(achieved)}."
        )
        yield Picture("achieved", "achieved", achieved_against_target(achieved, axes), caption)

    def _row(
        self,
        dataset: str,
        method: str,
        target: Target,
        designs: JudgedRepeats,
        spent: SpentByRepeats,
        seeds: tuple[int, ...],
        interval: Interval | None,
        average: Interval | None,
    ) -> TableRow:
        from ganmdn.metrics import RepSummary
        from results.table.cost import mean_at_tries, rep_at_tries
        from results.table.rows import TableRow, if_finite

        together = designs.together
        summary = RepSummary.of(together.y, target)
        return TableRow(
            dataset,
            method,
            target,
            if_finite(summary.minimum),
            if_finite(summary.mean),
            if_finite(summary.standard_deviation),
            seconds=spent.seconds(target),
            designs=len(together.y),
            failed=summary.failed,
            seeds=seeds,
            repeat_reps=tuple(if_finite(RepSummary.of(each.y, target).mean) for each in designs.repeats),
            labels=spent.labels,
            simulations=spent.simulations(target),
            label_equivalents=spent.label_equivalents(target),
            mean_achieved=together.mean_achieved,
            distance=designs.distance,
            copies=designs.copies,
            within_interval=together.within_interval,
            rep_at_tries=mean_at_tries([rep_at_tries(rep) for rep in designs.reps(target)]),
            mean_rep_interval=interval,
            average_interval=average,
        )

    def _best(self, dataset: str, method: str, stores: Sequence[SimulationStore], spec: Spec) -> MethodDesigns:
        """The best designs of all repeats."""
        from results.figures.gallery import MethodDesigns, nearest_design

        count = spec.designs_per_target
        rows = [slice(first, first + count) for first in range(0, len(spec.targets) * count, count)]
        best = [
            min((nearest_design(store, each, target) for store in stores), key=lambda design: design.distance)
            for each, target in zip(rows, spec.targets, strict=True)
        ]
        return MethodDesigns(dataset, method, tuple(best))
