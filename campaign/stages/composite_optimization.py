"""One Bayesian search of the latent space for all targets of a data set: each simulation serves them all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import searches
from campaign.plan.finished import StageResults, StageRows
from campaign.plan.kind import Stage, StageKind
from campaign.plan.repeats import repeats_of
from campaign.plan.search_stage import search_stage
from campaign.spec.campaign import Spec
from campaign.spec.methods import CompositeOptimizationBlock
from campaign.spec.targets import WrittenTarget
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.labels import STORE as LABELS
from campaign.stages.search_trials import STORE, BatchedSearchConfig, finish_trials, open_trials
from campaign.stages.seeds import seed_for
from campaign.stages.simulator import Simulator

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.targets import Target


class CompositeOptimizationConfig(BatchedSearchConfig):
    """One search for the targets in turn."""

    targets: tuple[WrittenTarget, ...]

    def cells(self) -> np.ndarray:
        """The targets as a store keeps them."""
        from ganmdn.targets import target_column

        return target_column(self.targets)

    def aims(self, iterations: range) -> list[Target]:
        """The target that each of some iterations is for."""
        return [self.targets[iteration % len(self.targets)] for iteration in iterations]


def run(config: CompositeOptimizationConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Search for the targets; one row of ``trials.zarr`` an iteration, whose ``target`` is the one it aimed at.

    A batch of suggestions is one unit of the store and follows from the finished rows alone, so a search that was
    killed goes on as if it had not been.
    """
    from campaign.work.simulations import simulate_apart
    from results.stores.store import SimulationStore

    simulator, weights = Simulator.from_config(config.physics), inputs["generator"] / WEIGHTS_FILE
    known = [SimulationStore.open(inputs["labels"] / LABELS).read("z", "y", rows=slice(config.initial))]
    columns = {"target": config.cells().dtype}
    store = open_trials(config, simulator, context, columns, targets=list(map(str, config.targets)))
    missing = set(store.missing_units())
    for unit in range(store.unit_count):
        rows = store.unit_rows(unit)
        if unit in missing:
            z, y = (np.concatenate([part[name] for part in known]) for name in ("z", "y"))
            columns = context.task(propose, config, weights, z, y, range(rows.start, rows.stop))
            store.write_unit(unit, columns | simulate_apart(simulator, columns["image"], context))
        known.append(store.read("z", "y", rows=rows))
        best = _best_rep(config, np.concatenate([part["y"] for part in known]))
        context.progress(rows.stop, store.capacity, best_rep=best, message="iterations")
    finish_trials(store, context)


def propose(
    config: CompositeOptimizationConfig, weights: Path, z: np.ndarray, y: np.ndarray, iterations: range
) -> dict[str, np.ndarray]:
    """What some iterations are to simulate: columns of the store, ``image`` (n, H, W) among them; runs on a worker."""
    from ganmdn.composite import suggest
    from ganmdn.networks import generate_images, load_generator

    started, box, aims = time.perf_counter(), config.distribution, config.aims(iterations)
    seed = seed_for(config.seed, "composite-optimization", config.dataset)
    suggested = suggest(z.reshape(len(z), -1), y, aims, seed, box.low, box.high).astype(np.float32)
    seconds = (time.perf_counter() - started) / len(aims)
    latents = suggested.reshape(len(aims), *config.latent)
    return {
        "z": latents,
        "image": generate_images(load_generator(weights), latents),
        "target": config.cells()[np.asarray(iterations) % len(config.targets)],
        "iteration": np.asarray(iterations, dtype=np.int64),
        "suggestion_seconds": np.full(len(aims), seconds),
    }


def _best_rep(config: CompositeOptimizationConfig, y: np.ndarray) -> float | None:
    """Smallest residual error percentage so far, of any target; None when every simulation failed."""
    from ganmdn.metrics import residual_error_percentage

    best = min(np.nanmin(residual_error_percentage(y, target), initial=np.inf) for target in config.targets)
    return float(best) if np.isfinite(best) else None


class CompositeOptimizationKind(StageKind[CompositeOptimizationConfig]):
    """One search a data set: the best simulation for each target is its design."""

    name = "composite_optimization"
    schema_version = 2
    store = STORE
    seconds_to_start = 3.0
    seconds_in_process = 2.0
    seconds_per_work = 0.12  # a suggestion, from 250 to 650 points

    def stages(self, spec: Spec) -> Iterator[Stage[CompositeOptimizationConfig]]:
        """One a repeat of a search and data set."""
        for dataset in spec.datasets:
            for method in searches(spec, dataset, CompositeOptimizationBlock):
                for repeat in repeats_of(spec, method):
                    yield self._stage(spec, dataset, method, repeat)

    def _stage(
        self, spec: Spec, dataset: str, method: CompositeOptimizationBlock, repeat: int
    ) -> Stage[CompositeOptimizationConfig]:
        config = CompositeOptimizationConfig
        return search_stage(self, config, spec, dataset, method, repeat, batch=method.batch, targets=spec.targets)

    def work(self, config: CompositeOptimizationConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Suggestions."""
        return config.iterations

    def rows_per_unit(self, config: CompositeOptimizationConfig, usual: int) -> int:
        """One batch."""
        return config.batch

    def rows_behind(
        self, stage: Stage[CompositeOptimizationConfig], results: StageResults
    ) -> Iterator[tuple[Target, tuple[StageRows, ...]]]:
        """Starting pairs and all simulations of the search."""
        from campaign.stages.search_report import rows_behind

        yield from rows_behind(stage, stage.config.targets)

    def report(self, stages: Sequence[Stage[CompositeOptimizationConfig]], results: StageResults) -> Iterator[object]:
        """Rows of the table, the best designs, and how every search went."""
        from campaign.stages.search_report import search_pieces

        yield from search_pieces(stages, results, lambda config: config.targets, STORE)
