"""Table 1 of a finished run, with the simulations that each of its lines rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from campaign.plan.finished import StageResults, StageRows
from campaign.plan.repeats import seed_of
from campaign.record.run_folder import Submission
from campaign.review.finished_run import finished_results, line_name, read_table
from campaign.spec.method_entry import SearchEntry
from campaign.stages.labels import STORE as LABELS
from ganmdn.targets import Target
from results.stores.store import SimulationStore
from results.table.bootstrap import mean_intervals
from results.table.json_form import JsonAverage, JsonRow, JsonTable
from results.table.judged import JudgedDesigns, JudgedRepeats
from results.table.reach import Reach, reach_of
from results.table.repeats import spread


@dataclass(frozen=True)
class TracedMethod:
    """One method on one data set: for each target, the rows behind its line of the table, repeat by repeat."""

    dataset: str
    method: str
    is_search: bool
    seeds: tuple[int, ...]
    rows: dict[Target, tuple[tuple[StageRows, ...], ...]]
    traced: FinishedTable

    @cached_property
    def judged(self) -> dict[Target, JudgedRepeats]:
        """The simulated designs of each target."""
        return {
            target: JudgedRepeats(tuple(self._designs(repeat) for repeat in repeats))
            for target, repeats in self.rows.items()
        }

    def _designs(self, parts: tuple[StageRows, ...]) -> JudgedDesigns:
        y, images = (
            np.concatenate([self.traced.column(part, name) for part in parts]) if wanted else np.empty((0, 0, 0))
            for name, wanted in (("y", True), ("image", not self.is_search))  # which yields one design
        )
        return JudgedDesigns(y, images)

    @cached_property
    def _intervals(self) -> tuple[dict[Target, Any], Any]:
        if self.is_search:
            return {}, None
        intervals, average = mean_intervals([each.reps(target) for target, each in self.judged.items()])
        return dict(zip(self.judged, intervals, strict=True)), average

    @cached_property
    def lines(self) -> dict[Target, dict[str, Any]]:
        """For each target, the figures that follow from its rows, by their names in ``table1.json``; None as there."""
        return {target: self._line(target) for target in self.rows}

    def _line(self, target: Target) -> dict[str, Any]:
        judged, reps = self.judged[target], self.judged[target].reps(target)
        known, designs = np.concatenate(reps), sum(len(each.y) for each in judged.repeats)
        of_repeats = self._of_repeats(target)
        has_mean = len(known) > 0 and not self.is_search
        reach = self.traced.reach(self.dataset)
        at_target, diversity = reach.at(target), None if self.is_search else judged.distance
        return {
            "min_rep": float(known.min()) if len(known) else None,
            "mean_rep": float(known.mean()) if has_mean else None,
            "std_rep": float(known.std()) if has_mean else None,
            "mean_rep_interval": self._intervals[0].get(target),
            "spread_rep": spread(of_repeats),
            "repeat_reps": of_repeats,
            "oracle_rep": at_target and at_target.oracle_rep,
            "diversity": diversity / reach.distance if diversity is not None and reach.distance else None,
            "designs": designs,
            "failed": designs - len(known),
        }

    @cached_property
    def averages(self) -> dict[str, Any]:
        """The same for the average over targets; None as soon as one target has none."""
        lines = list(self.lines.values())
        by_repeat = zip(*(line["repeat_reps"] for line in lines), strict=True)
        return {
            "min_rep": _mean([line["min_rep"] for line in lines]),
            "mean_rep": _mean([line["mean_rep"] for line in lines]),
            "mean_rep_interval": self._intervals[1],
            "spread_rep": spread([_mean(each) for each in by_repeat]),
        }

    def _of_repeats(self, target: Target) -> tuple[float | None, ...]:
        reps = self.judged[target].reps(target)
        figure = np.min if self.is_search else np.mean
        return tuple(float(figure(each)) if len(each) else None for each in reps)


@dataclass(frozen=True)
class TracedLine:
    """A line of the table: its target, or the average over them all, as it is stored and as its rows make it."""

    method: TracedMethod
    stored: JsonRow | JsonAverage

    @property
    def name(self) -> str:
        """See ``finished_run.line_name``."""
        return line_name(self.stored)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Whose rows it rests on."""
        if isinstance(self.stored, JsonRow):
            return (Target.read(self.stored.target),)
        return tuple(self.method.rows)

    @property
    def figures(self) -> Mapping[str, Any]:
        """What follows from those rows."""
        if isinstance(self.stored, JsonRow):
            return self.method.lines[Target.read(self.stored.target)]
        return self.method.averages


@dataclass(frozen=True)
class FinishedTable:
    """The table of a finished run, and the results that it was made from."""

    folder: Path
    submitted: Submission
    results: StageResults
    table: JsonTable
    _stores: dict[Path, SimulationStore] = field(default_factory=dict)

    @classmethod
    def of_run(cls, folder: Path) -> FinishedTable:
        """Open a run; raises what ``finished_results`` and ``read_table`` raise."""
        return cls(folder, *finished_results(folder), read_table(folder))

    @cached_property
    def methods(self) -> dict[tuple[str, str], TracedMethod]:
        """What stands in the table, by data set and method, in its order."""
        names = dict.fromkeys((row.dataset, row.method) for row in self.table.rows)
        return {name: self._method(*name) for name in names}

    @cached_property
    def lines(self) -> tuple[TracedLine, ...]:
        """All of them, averages last."""
        every: tuple[JsonRow | JsonAverage, ...] = (*self.table.rows, *self.table.averages)
        return tuple(TracedLine(self.methods[each.dataset, each.method], each) for each in every)

    def _method(self, dataset: str, method: str) -> TracedMethod:
        spec = self.results.spec
        entry = next(each for each in spec.methods if each.method_name == method)
        targets = [Target.read(row.target) for row in self.table.rows if (row.dataset, row.method) == (dataset, method)]
        own = [stage for stage in self.results.pipeline.stages if (stage.dataset, stage.method) == (dataset, method)]
        rows: dict[Target, tuple[tuple[StageRows, ...], ...]] = dict.fromkeys(targets, ())
        repeats = []
        for stage in sorted(own, key=lambda stage: stage.repeat):
            for target, parts in stage.descriptor.rows_behind(stage, self.results):
                rows[target] += (parts,)
                repeats.append(stage.repeat)
        seeds = tuple(seed_of(spec, repeat) for repeat in dict.fromkeys(repeats))
        return TracedMethod(dataset, method, isinstance(entry, SearchEntry), seeds, rows, self)

    def store(self, stage: str) -> SimulationStore:
        """The store of a stage."""
        path = self.store_path(stage)
        if path not in self._stores:
            self._stores[path] = SimulationStore.open(path)
        return self._stores[path]

    def store_path(self, stage: str) -> Path:
        """Where that lies."""
        return self.results.folder(stage) / str(self.results.pipeline[stage].descriptor.store)

    def column(self, rows: StageRows, name: str) -> np.ndarray:
        """One column of some rows, in their order."""
        return self.store(rows.stage).read(name, rows=list(rows.rows))[name]

    def reach(self, dataset: str) -> Reach:
        """How far the labels of a data set reach."""
        return self._reaches[dataset]

    @cached_property
    def _reaches(self) -> dict[str, Reach]:
        spec = self.results.spec
        found = {}
        for dataset in dict.fromkeys(row.dataset for row in self.table.rows):
            path = self.results.folder(f"labels/{dataset}") / LABELS
            labels = SimulationStore.open(path).read("y", "image")
            known, count = (labels["y"], labels["image"]), spec.designs_per_target
            found[dataset] = reach_of(dataset, known[0], spec.targets, count, known[1], of_prior=spec.labels.of_prior)
        return found

    def behind(self, stages: Iterable[str]) -> list[str]:
        """These stages and all that they read, at any depth, in the order in which they ran."""
        found: set[str] = set()
        left = list(stages)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += self.results.pipeline[name].inputs.values()
        return [stage.name for stage in self.results.pipeline.stages if stage.name in found]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
