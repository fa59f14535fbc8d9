"""Reads the finished stages of a run into what tables, figures and the report show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from campaign.cache.stage_cache import StageCache, StageRecord
from campaign.plan.pipeline import Pipeline, Stage
from campaign.spec.methods import BayesianOptimizationBlock
from campaign.spec.plugin import OptimizerConfig
from campaign.stages.labels import STORE as LABELS
from campaign.stages.model import HISTORY_FILE
from campaign.stages.optimization import STORE as TRIALS
from campaign.stages.truncation import read_estimate, read_pairs
from campaign.stages.tuning import TRIALS_FILE
from campaign.stages.verification import STORE as DESIGNS
from ganmdn.gan_checkpoint import HISTORY_FILE as GAN_HISTORY_FILE
from ganmdn.gan_checkpoint import TrainingHistory
from ganmdn.metrics import RepSummary, residual_error_percentage
from ganmdn.statistics import set_statistics, volume_fraction
from results.designs.design_set import DesignSet
from results.figures.gallery import BestDesign, MethodDesigns
from results.figures.morphology import LabelDistribution, Morphology, StatisticCurve
from results.figures.targets import Achieved, SearchHistory
from results.figures.training import TrainingCurve
from results.figures.truncation import TruncationSample
from results.layout import Status
from results.store import SimulationStore
from results.tables import TableRow
from results.truncation import TruncationError

STATISTICS_IMAGES = 1000  # enough for means and spreads; all of a large set would only take longer


class RunResults:
    """What came out of a finished pipeline, read from the cache when it is asked for."""

    def __init__(self, pipeline: Pipeline, cache: StageCache) -> None:
        self.pipeline = pipeline
        self.spec = pipeline.spec
        self.cache = cache

    # --- where things lie ------------------------------------------------------------------------------------

    def record(self, name: str) -> StageRecord:
        """Record of the stage called ``name``."""
        return self.cache.record(self.pipeline[name].kind, self.pipeline.keys[name])

    def folder(self, name: str) -> Path:
        """Folder of the stage called ``name``."""
        return self.cache.folder(self.pipeline[name].kind, self.pipeline.keys[name])

    def stages(self, kind: str) -> list[Stage]:
        """All stages of one kind."""
        return [stage for stage in self.pipeline.stages if stage.kind == kind]

    # --- table -----------------------------------------------------------------------------------------------

    def table_rows(self) -> list[TableRow]:
        """Table 1: data set by data set, methods in the order of the spec."""
        return [
            self._search_row(kind, dataset, target)
            if kind in self.searches
            else self._design_row(kind, dataset, target)
            for dataset in self.spec.datasets
            for kind in self.method_kinds
            for target in self.spec.targets
        ]

    def _design_row(self, method: str, dataset: str, target: float) -> TableRow:
        y = self._achieved[method, dataset, target]
        summary = RepSummary.of(y, target)
        return TableRow(
            dataset,
            method,
            target,
            _number(summary.minimum),
            _number(summary.mean),
            _number(summary.standard_deviation),
            seconds=self.record(f"designs/{method}/{dataset}").facts["design_seconds"][f"{target:g}"],
            designs=len(y),
            failed=summary.failed,
            truncation=self._truncation.get(dataset),
        )

    def _search_row(self, method: str, dataset: str, target: float) -> TableRow:
        """A search yields one design, its best; the starting pairs are part of it."""
        y = self._search(method, dataset, target)
        summary = RepSummary.of(y, target)
        facts = self.record(f"optimization/{method}/{dataset}/{target:g}").facts
        labels = self.record(f"labels/{dataset}").facts["seconds_per_simulation"]
        seconds = facts["search_seconds"] + labels * self.searches[method]
        best = _number(summary.minimum)
        return TableRow(
            dataset,
            method,
            target,
            best,
            None,
            None,
            seconds,
            designs=len(y),
            failed=summary.failed,
            truncation=self._truncation.get(dataset),
        )

    @cached_property
    def _truncation(self) -> dict[str, TruncationError]:
        """What the labels' truncation leaves out, by data set."""
        return {stage.where[0]: read_estimate(self.folder(stage.name)) for stage in self.stages("truncation")}

    def truncation_samples(self) -> list[TruncationSample]:
        """Labels beside the same designs with more orders."""
        return [
            TruncationSample(dataset, *read_pairs(self.folder(f"truncation/{dataset}")), error)
            for dataset, error in self._truncation.items()
        ]

    @property
    def method_kinds(self) -> list[str]:
        """Names of the spec's methods."""
        return [method.kind for method in self.spec.methods]

    @property
    def searches(self) -> dict[str, int]:
        """Names of the methods that search, with the number of labelled pairs that each starts from."""
        kinds = BayesianOptimizationBlock | OptimizerConfig
        return {method.kind: method.initial for method in self.spec.methods if isinstance(method, kinds)}

    # --- designs ---------------------------------------------------------------------------------------------

    @cached_property
    def _achieved(self) -> dict[tuple[str, str, float], np.ndarray]:
        """Simulated property of all designs by method, data set and target; NaN where it failed."""
        achieved = {}
        for stage in self.stages("verification"):
            columns = SimulationStore.open(self.folder(stage.name) / DESIGNS).read("y", "target")
            for target in self.spec.targets:
                achieved[(*stage.where, target)] = columns["y"][columns["target"] == target]
        return achieved  # type: ignore[return-value]

    def achieved(self) -> list[Achieved]:
        """Every design's simulated property."""
        return [Achieved(dataset, method, target, y) for (method, dataset, target), y in self._achieved.items()]

    def best_designs(self) -> list[MethodDesigns]:
        """The design nearest to each target, for every data set and method."""
        return [
            MethodDesigns(dataset, kind, tuple(self._best(dataset, kind, target) for target in self.spec.targets))
            for dataset in self.spec.datasets
            for kind in self.method_kinds
        ]

    def _best(self, dataset: str, method: str, target: float) -> BestDesign:
        if method in self.searches:
            stores = [
                (self._trials(method, dataset, target), slice(None)),
                (self._labels(dataset), slice(self.searches[method])),
            ]
        else:
            store = SimulationStore.open(self.folder(f"verification/{method}/{dataset}") / DESIGNS)
            first = self.spec.targets.index(target) * self.spec.designs_per_target
            stores = [(store, slice(first, first + self.spec.designs_per_target))]
        candidates = [_nearest(store, rows, target) for store, rows in stores]
        return min(candidates, key=_distance)

    def _labels(self, dataset: str) -> SimulationStore:
        return SimulationStore.open(self.folder(f"labels/{dataset}") / LABELS)

    def _trials(self, method: str, dataset: str, target: float) -> SimulationStore:
        return SimulationStore.open(self.folder(f"optimization/{method}/{dataset}/{target:g}") / TRIALS)

    def _search(self, method: str, dataset: str, target: float) -> np.ndarray:
        """Properties that one search saw, starting pairs first."""
        initial = self._labels(dataset).read("y", rows=slice(self.searches[method]))["y"]
        return np.concatenate([initial, self._trials(method, dataset, target).read("y")["y"]])

    def histories(self) -> list[SearchHistory]:
        """REP of every simulation of every search."""
        return [
            SearchHistory(
                dataset if len(self.searches) == 1 else f"{dataset}, {method}",
                target,
                residual_error_percentage(self._search(method, dataset, target), target),
                initial,
            )
            for dataset in self.spec.datasets
            for method, initial in self.searches.items()
            for target in self.spec.targets
        ]

    # --- images and training ---------------------------------------------------------------------------------

    def originals(self, count: int) -> dict[str, np.ndarray]:
        """The first images of every data set."""
        return {dataset: self._labels(dataset).images(slice(count)) for dataset in self.spec.datasets}

    def labels(self) -> list[LabelDistribution]:
        """Property and volume fraction of every labelled image."""
        found = []
        for dataset in self.spec.datasets:
            columns = self._labels(dataset).read("y", "image", "status")
            done = columns["status"] == Status.DONE
            found.append(LabelDistribution(dataset, columns["y"][done], volume_fraction(columns["image"][done])[:, 0]))
        return found

    def microstructures(self) -> np.ndarray | None:
        """Training images of the GAN, if it was trained here."""
        if not self.stages("microstructures"):
            return None
        return DesignSet.open(self.folder("microstructures")).images

    def morphologies(self) -> list[Morphology]:
        """Statistics of the training images and of what the generator makes."""
        sets = {
            f"{name}, generated": self._labels(name).images(slice(STATISTICS_IMAGES)) for name in self.spec.datasets
        }
        training = self.microstructures()
        if training is not None:
            sets = {"microstructures": training[:STATISTICS_IMAGES], **sets}
        return [_morphology(label, images) for label, images in sets.items()]

    def gan_history(self) -> TrainingHistory | None:
        """Losses and samples of the GAN's training, if it was trained here."""
        path = self.folder("generator") / GAN_HISTORY_FILE
        return TrainingHistory.load(path) if path.is_file() else None

    def training_curves(self) -> list[TrainingCurve]:
        """Loss curves of the inverse models that were fitted here."""
        return list(self._training_curves())

    def _training_curves(self) -> Iterator[TrainingCurve]:
        for stage in self.stages("model"):
            path = self.folder(stage.name) / HISTORY_FILE
            if path.is_file():
                method, dataset = stage.where
                with np.load(path) as fit:
                    best = int(fit["best_epoch"])
                    yield TrainingCurve(dataset, method, fit["train_loss"], fit["validation_loss"], best)

    def tuning_trials(self) -> dict[str, list[dict]]:
        """Trials of every sweep, best first, by data set."""
        trials = {}
        for stage in self.stages("tuning"):
            found = json.loads((self.folder(stage.name) / TRIALS_FILE).read_text(encoding="utf-8"))
            trials[stage.where[0]] = sorted(found, key=lambda trial: (trial["stopped_early"], trial["metric"]))
        return trials

    def failures(self) -> list[tuple[str, int, str, str]]:
        """Failed simulations: store, row, class and message."""
        found = []
        for kind, name in (("labels", LABELS), ("verification", DESIGNS), ("optimization", TRIALS)):
            for stage in self.stages(kind):
                if self.record(stage.name).facts["failed"]:
                    found += list(_failed_rows(stage.name, SimulationStore.open(self.folder(stage.name) / name)))
        return found


def _nearest(store: SimulationStore, rows: slice, target: float) -> BestDesign:
    y = store.read("y", rows=rows)["y"]
    if not np.isfinite(y).any():
        return BestDesign(target, None, None)
    row = int(np.nanargmin(np.abs(y - target)))
    first = rows.start or 0
    return BestDesign(target, store.images(slice(first + row, first + row + 1))[0], float(y[row]))


def _distance(design: BestDesign) -> float:
    return np.inf if design.achieved is None else abs(design.achieved - design.target)


def _morphology(label: str, images: np.ndarray) -> Morphology:
    curves = set_statistics(images)
    px = images.shape[1]

    def curve(name: str, x: np.ndarray) -> StatisticCurve:
        return StatisticCurve(x, curves[name].mean, curves[name].spread)

    lags = np.arange(len(curves["two_point_correlation"].mean))
    return Morphology(
        label,
        two_point_correlation=curve("two_point_correlation", lags),
        spectral_density=curve("spectral_density", np.arange(1, len(curves["spectral_density"].mean) + 1) / px),
        lineal_path=curve("lineal_path", lags),
        volume_fraction=volume_fraction(images)[:, 0],
    )


def _failed_rows(stage: str, store: SimulationStore) -> Iterator[tuple[str, int, str, str]]:
    columns = store.read("status", "error_class", "error_message")
    for row in np.flatnonzero(columns["status"] == Status.FAILED):
        yield stage, int(row), str(columns["error_class"][row]), str(columns["error_message"][row])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
