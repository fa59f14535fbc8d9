"""The paper's optimisation baseline: Bayesian search of the latent space for one target."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import PluggedPart, searches
from campaign.plan.finished import StageResults, StageRows
from campaign.plan.kind import Stage, StageKind
from campaign.plan.repeats import repeats_of
from campaign.plan.search_stage import search_stage
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import provider_of
from campaign.spec.method_entry import TargetSearchEntry
from campaign.spec.methods import TrustRegionOptimizationBlock
from campaign.spec.plugin import OptimizerConfig, implementation_of
from campaign.spec.targets import WrittenTarget
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.labels import STORE as LABELS
from campaign.stages.search_trials import STORE, BatchedSearchConfig, finish_trials, open_trials
from campaign.stages.seeds import seed_for
from campaign.stages.simulator import Simulator

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.targets import Target


class OptimizationConfig(BatchedSearchConfig):
    """One search for one target; ``plugged`` says whose suggestions it takes."""

    kind: str
    target: WrittenTarget
    plugged: PluggedPart | None = None


def run(config: OptimizationConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Search for the target; one row of ``trials.zarr`` an iteration.

    A batch of suggestions is one unit of the store. Every batch depends on the finished rows alone, so a search that
    was killed goes on as if it had not been.
    """
    from results.stores.store import SimulationStore

    search = _Search(config, inputs["generator"] / WEIGHTS_FILE, context)
    search.learn(SimulationStore.open(inputs["labels"] / LABELS).read("z", "y", rows=slice(config.initial)))
    store = open_trials(config, search.simulator, context, {}, target=str(config.target))
    missing = set(store.missing_units())
    for unit in range(store.unit_count):
        rows = store.unit_rows(unit)
        if unit in missing:
            store.write_unit(unit, search.iterate(range(rows.start, rows.stop)))
        search.learn(store.read("z", "y", rows=rows))
        context.progress(rows.stop, store.capacity, best_rep=search.best_rep, message="iterations")
    finish_trials(store, context)


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
        words = ("optimization", config.dataset, str(config.target), str(iterations.start))
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
    question = (z, y, config.target.plain, count, seed, config.distribution.low, config.distribution.high)
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


class OptimizationKind(StageKind[OptimizationConfig]):
    """One search a target: its best simulation is its design."""

    name = "optimization"
    schema_version = 7
    store = STORE
    seconds_to_start = 8.0  # of Ax
    seconds_in_process = 5.0
    seconds_per_work = 0.045  # a suggestion by Ax and dimension of the latent, from 250 to 650 points
    trust_region_work = 0.09  # a suggestion in a trust region, beside one by Ax
    trust_region_module = "ganmdn.trust_region"

    def stages(self, spec: Spec) -> Iterator[Stage[OptimizationConfig]]:
        """One a repeat of a search, data set and target."""
        for dataset in spec.datasets:
            for method in searches(spec, dataset, TargetSearchEntry):
                for target in spec.targets:
                    for repeat in repeats_of(spec, method):
                        yield self._stage(spec, dataset, method, target, repeat)

    def _stage(
        self, spec: Spec, dataset: str, method: TargetSearchEntry, target: Target, repeat: int
    ) -> Stage[OptimizationConfig]:
        more = {"kind": method.kind, "batch": method.batch, "target": target, "plugged": self._plugged(method)}
        stage = search_stage(self, OptimizationConfig, spec, dataset, method, repeat, str(target), **more)
        if isinstance(method, OptimizerConfig):
            return replace(stage, providers=(*stage.providers, provider_of(method)))
        if isinstance(method, TrustRegionOptimizationBlock):
            return replace(stage, modules=(self.trust_region_module,))
        return stage

    def _plugged(self, method: TargetSearchEntry) -> PluggedPart | None:
        """What suggests in place of Ax; a trust region follows from the batches that it is told apart by."""
        if isinstance(method, OptimizerConfig):
            return PluggedPart.of(method)
        if isinstance(method, TrustRegionOptimizationBlock):
            options = {"initial": method.initial, "batch": method.batch}
            return PluggedPart(kind=method.kind, implementation=f"{self.trust_region_module}:suggest", options=options)
        return None

    def work(self, config: OptimizationConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Suggestions by Ax, as many times as the latent has dimensions."""
        is_trust_region = config.kind == "trust-region-optimization"
        return config.iterations * math.prod(config.latent) * (self.trust_region_work if is_trust_region else 1.0)

    def rows_per_unit(self, config: OptimizationConfig, usual: int) -> int:
        """One batch."""
        return config.batch

    def rows_behind(
        self, stage: Stage[OptimizationConfig], results: StageResults
    ) -> Iterator[tuple[Target, tuple[StageRows, ...]]]:
        """Starting pairs and all simulations of the search."""
        from campaign.stages.search_report import rows_behind

        yield from rows_behind(stage, (stage.config.target,))

    def report(self, stages: Sequence[Stage[OptimizationConfig]], results: StageResults) -> Iterator[object]:
        """Rows of the table, the best designs, and how every search went."""
        from campaign.stages.search_report import search_pieces

        yield from search_pieces(stages, results, lambda config: (config.target,), STORE)
