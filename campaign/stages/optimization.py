"""The paper's optimisation baseline: Bayesian search of the latent space for one target."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import PluggedPart, SearchMethod, searches
from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage, StageKind, by_repeats
from campaign.plan.optics import simulation_of
from campaign.plan.repeats import repeats_of, seed_of
from campaign.spec.base import Count, Seed
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import provider_of
from campaign.spec.generator import Latent
from campaign.spec.plugin import OptimizerConfig, implementation_of
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.labels import STORE as LABELS
from campaign.stages.seeds import seed_for
from campaign.stages.simulator import SimulationConfig, Simulator
from results.layout import Status

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from results.figures.gallery import BestDesign
    from results.figures.targets import SearchHistory
    from results.store import SimulationStore
    from results.tables import TableRow

STORE = "trials.zarr"


class OptimizationConfig(SimulationConfig):
    """One search: from the first ``initial`` labels on, ``batch`` suggestions at a time; ``plugged`` says whose."""

    kind: str
    seed: Seed
    distribution: Latent
    initial: Count
    iterations: Count
    batch: Count
    target: float
    plugged: PluggedPart | None = None


def run(config: OptimizationConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Search for the target; one row of ``trials.zarr`` an iteration.

    A batch of suggestions is one unit of the store. Every batch depends on the finished rows alone, so a search that
    was killed goes on as if it had not been.
    """
    from results.store import SimulationStore

    search = _Search(config, inputs["generator"] / WEIGHTS_FILE, context)
    search.learn(SimulationStore.open(inputs["labels"] / LABELS).read("z", "y", rows=slice(config.initial)))
    store = _open_or_create(config, search.simulator, context)
    missing = set(store.missing_units())
    for unit in range(store.unit_count):
        rows = store.unit_rows(unit)
        if unit in missing:
            store.write_unit(unit, search.iterate(range(rows.start, rows.stop)))
        search.learn(store.read("z", "y", rows=rows))
        context.progress(rows.stop, store.capacity, best_rep=search.best_rep, message="iterations")
    store.finish()
    columns = store.read("seconds", "suggestion_seconds", "status")
    context.facts["work_seconds"] = float(np.sum(columns["suggestion_seconds"]))
    context.facts["search_seconds"] = float(np.sum(columns["seconds"])) + context.facts["work_seconds"]
    context.facts["failed"] = int(np.count_nonzero(columns["status"] == Status.FAILED))


class _Search:
    """Pairs (z, y) known so far, and the next batch that follows from them."""

    def __init__(self, config: OptimizationConfig, weights: Path, context: StageContext) -> None:
        self.config = config
        self.weights = weights
        self.context = context
        self.simulator = Simulator.from_config(config.physics)
        self._z: list[np.ndarray] = []
        self._y: list[np.ndarray] = []

    def learn(self, rows: Mapping[str, np.ndarray]) -> None:
        """Take in finished simulations; the property of a failed one is not a number, which the search avoids."""
        self._z.append(rows["z"].reshape(len(rows["z"]), -1))
        self._y.append(rows["y"])

    @property
    def best_rep(self) -> float | None:
        """Smallest residual error percentage so far; None when every simulation failed."""
        from ganmdn.metrics import RepSummary

        best = RepSummary.of(np.concatenate(self._y), self.config.target).minimum
        return best if np.isfinite(best) else None

    def iterate(self, iterations: range) -> dict[str, Any]:
        """Suggest, generate and simulate one batch; columns of the store."""
        from campaign.work.simulations import simulate_apart

        config = self.config
        words = ("optimization", config.dataset, repr(config.target), str(iterations.start))
        proposal = self.context.task(
            propose,
            config,
            self.weights,
            np.concatenate(self._z),
            np.concatenate(self._y),
            len(iterations),
            seed_for(config.seed, *words),
        )
        images = proposal["image"]
        return {
            "z": proposal["z"].reshape(len(images), *config.latent),
            "image": images,
            "iteration": np.asarray(iterations, dtype=np.int64),
            "suggestion_seconds": np.full(len(images), proposal["seconds"] / len(images)),
            **simulate_apart(self.simulator, images, self.context),
        }


def propose(
    config: OptimizationConfig, weights: Path, z: np.ndarray, y: np.ndarray, count: int, seed: np.random.SeedSequence
) -> dict[str, Any]:
    """The next ``count`` latents to try and their images, as Ax or a plugged search says; runs on a worker."""
    from ganmdn.networks import generate_images, load_generator

    started = time.perf_counter()
    question = (z, y, config.target, count, seed, config.distribution.low, config.distribution.high)
    if config.plugged is None:
        from ganmdn.bayesian import suggest  # Ax takes seconds to import, and is for workers only

        suggested = suggest(*question).z.astype(np.float32)
    else:
        suggested = _asked(config.plugged, question)
    seconds = time.perf_counter() - started
    images = generate_images(load_generator(weights), suggested.reshape(count, *config.latent))
    return {"z": suggested, "image": images, "seconds": seconds}


def _asked(plugged: PluggedPart, question: tuple[Any, ...]) -> np.ndarray:
    """Suggestions of somebody else's optimiser, (count, M) float32; ValueError where they are not."""
    z, count = question[0], question[3]
    answer = np.asarray(implementation_of(plugged.implementation)(*question, **plugged.options), dtype=np.float32)
    if answer.shape != (count, z.shape[1]) or not np.isfinite(answer).all():
        wanted = f"must suggest finite latents ({count}, {z.shape[1]})"
        raise ValueError(f"{plugged.implementation} {wanted}, got shape {answer.shape}")
    return answer


def _open_or_create(config: OptimizationConfig, simulator: Simulator, context: StageContext) -> SimulationStore:
    from results.store import SimulationStore

    path = context.folder / STORE
    if path.is_dir():
        store = SimulationStore.open(path, mode="r+")
        for unit in store.damaged_units():
            store.discard_unit(unit)
        return store
    return SimulationStore.create(
        path,
        capacity=config.iterations,
        latent_shape=config.latent,
        image_px=config.image_px,
        rows_per_unit=config.batch,
        layers=simulator.layer_names,
        wavelengths_nm=simulator.wavelengths_nm,
        inputs={"iteration": "int64", "suggestion_seconds": "float64"},
        attributes={"physics": config.physics.model_dump(mode="json"), "target": config.target},
    )


class OptimizationKind(StageKind[OptimizationConfig]):
    """One search a target: its best simulation is its design."""

    name = "optimization"
    schema_version = 5
    store = STORE
    seconds_to_start = 8.0  # of Ax
    seconds_per_work = 0.08  # a suggestion and dimension of the latent, from 250 to 650 points

    def stages(self, spec: Spec) -> Iterator[Stage[OptimizationConfig]]:
        """One a repeat of a search, data set and target."""
        for dataset in spec.datasets:
            for method in searches(spec, dataset):
                for target in spec.targets:
                    for repeat in repeats_of(spec, method):
                        yield self._stage(spec, dataset, method, target, repeat)

    def _stage(
        self, spec: Spec, dataset: str, method: SearchMethod, target: float, repeat: int
    ) -> Stage[OptimizationConfig]:
        simulation = simulation_of(spec, dataset)
        plugged = method if isinstance(method, OptimizerConfig) else None
        config = OptimizationConfig.make(
            spec,
            dataset,
            physics=simulation.physics,
            kind=method.kind,
            seed=seed_of(spec, repeat),
            distribution=spec.latent,
            initial=method.initial,
            iterations=method.iterations,
            batch=method.batch,
            target=target,
            plugged=PluggedPart.of(plugged) if plugged else None,
        )
        return Stage(
            self,
            config,
            dataset,
            method.method_name,
            f"{target:g}",
            repeat=repeat,
            inputs={"labels": f"labels/{dataset}", "generator": "generator"},
            simulations=method.iterations,
            seconds_each=simulation.seconds_each,
            providers=(*simulation.providers, *((provider_of(plugged),) if plugged else ())),
        )

    def work(self, config: OptimizationConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Suggestions, as many times as the latent has dimensions."""
        return config.iterations * math.prod(config.latent)

    def rows_per_unit(self, config: OptimizationConfig, usual: int) -> int:
        """One batch."""
        return config.batch

    def report(self, stages: Sequence[Stage[OptimizationConfig]], results: StageResults) -> Iterator[object]:
        """Rows of the table, the best designs, and how every search went."""
        from results.figures.gallery import MethodDesigns
        from results.figures.targets import optimization_history
        from results.report import Picture
        from results.tables import search_row

        histories: list[SearchHistory] = []
        best: dict[tuple[str, str], list[BestDesign]] = {}
        several = len({stage.method for stage in stages}) > 1
        for repeats in by_repeats(stages):
            dataset, method = repeats[0].dataset, repeats[0].method
            rows, found, own = zip(*(self._found(stage, results) for stage in repeats), strict=True)
            yield search_row(rows)
            best.setdefault((dataset, method), []).append(min(found, key=lambda design: design.distance))
            for number, history in enumerate(own, start=1):
                labels = [dataset, *([method] if several else []), *([f"repeat {number}"] if len(own) > 1 else [])]
                histories.append(replace(history, dataset=", ".join(labels)))
        for (dataset, method), designs in best.items():
            yield MethodDesigns(dataset, method, tuple(designs))
        caption = (
            "Bayesian optimisation: residual error of every simulated microstructure and the best so far, from "
            "the starting pairs on (the paper's Figure 3)."
        )
        yield Picture("history", "optimization-history", optimization_history(histories), caption)

    def _found(
        self, stage: Stage[OptimizationConfig], results: StageResults
    ) -> tuple[TableRow, BestDesign, SearchHistory]:
        """What one search came to; its starting pairs are part of it."""
        from ganmdn.metrics import RepSummary, residual_error_percentage
        from results.figures.gallery import nearest_design
        from results.figures.targets import SearchHistory
        from results.store import SimulationStore
        from results.tables import TableRow, if_finite

        config, target = stage.config, stage.config.target
        labels = SimulationStore.open(results.folder(stage.inputs["labels"]) / LABELS)
        trials = SimulationStore.open(results.folder(stage.name) / STORE)
        y = np.concatenate([labels.read("y", rows=slice(config.initial))["y"], trials.read("y")["y"]])
        summary = RepSummary.of(y, target)
        seconds = results.record(stage.name).facts["search_seconds"]
        seconds += config.initial * results.record(stage.inputs["labels"]).facts["seconds_per_simulation"]
        best = if_finite(summary.minimum)
        candidates = (
            nearest_design(trials, slice(None), target),
            nearest_design(labels, slice(config.initial), target),
        )
        design = min(candidates, key=lambda each: each.distance)
        row = TableRow(
            *(stage.dataset, stage.method, target, best, None, None, seconds),
            designs=len(y),
            failed=summary.failed,
            seeds=(config.seed,),
            labels=config.initial,
            simulations=config.iterations,
            label_equivalents=float(config.iterations),  # of the same physics: a label's cost each
            mean_achieved=design.achieved,
        )
        return row, design, SearchHistory(stage.dataset, target, residual_error_percentage(y, target), config.initial)
