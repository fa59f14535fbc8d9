"""The paper's optimisation baseline: Bayesian search of the latent space for one target."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from campaign.spec.plugin import implementation_of
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.labels import STORE as LABELS
from campaign.stages.seeds import seed_for
from campaign.stages.simulator import Simulator
from campaign.work.context import StageContext
from campaign.work.simulations import simulate_apart
from ganmdn.metrics import RepSummary
from ganmdn.networks import generate_images, load_generator
from results.layout import Status
from results.store import SimulationStore

STORE = "trials.zarr"


def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
    """Search for ``config["target"]`` from the first labels on; one row of ``trials.zarr`` an iteration.

    A batch of suggestions is one unit of the store. Every batch depends on the finished rows alone, so a search that
    was killed goes on as if it had not been.
    """
    search = _Search(config, inputs["generator"] / WEIGHTS_FILE, context)
    search.learn(SimulationStore.open(inputs["labels"] / LABELS).read("z", "y", rows=slice(config["initial"])))
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
    context.facts["search_seconds"] = float(np.sum(columns["seconds"]) + np.sum(columns["suggestion_seconds"]))
    context.facts["failed"] = int(np.count_nonzero(columns["status"] == Status.FAILED))


class _Search:
    """Pairs (z, y) known so far, and the next batch that follows from them."""

    def __init__(self, config: Mapping[str, Any], weights: Path, context: StageContext) -> None:
        self.config = config
        self.weights = weights
        self.context = context
        self.simulator = Simulator.from_config(config["physics"])
        self._z: list[np.ndarray] = []
        self._y: list[np.ndarray] = []

    def learn(self, rows: Mapping[str, np.ndarray]) -> None:
        """Take in finished simulations; the property of a failed one is not a number, which the search avoids."""
        self._z.append(rows["z"].reshape(len(rows["z"]), -1))
        self._y.append(rows["y"])

    @property
    def best_rep(self) -> float | None:
        """Smallest residual error percentage so far; None when every simulation failed."""
        best = RepSummary.of(np.concatenate(self._y), self.config["target"]).minimum
        return best if np.isfinite(best) else None

    def iterate(self, iterations: range) -> dict[str, Any]:
        """Suggest, generate and simulate one batch; columns of the store."""
        config = self.config
        target = config["target"]
        proposal = self.context.task(
            propose,
            self.weights,
            np.concatenate(self._z),
            np.concatenate(self._y),
            target,
            len(iterations),
            seed_for(config["seed"], "optimization", config["dataset"], repr(target), str(iterations.start)),
            (config["distribution"]["low"], config["distribution"]["high"]),
            (config["implementation"], config["options"]) if "implementation" in config else None,
        )
        images = proposal["image"]
        return {
            "z": proposal["z"].reshape(len(images), *config["latent"]),
            "image": images,
            "iteration": np.asarray(iterations, dtype=np.int64),
            "suggestion_seconds": np.full(len(images), proposal["seconds"] / len(images)),
            **simulate_apart(self.simulator, images, self.context),
        }


def propose(
    weights: Path,
    z: np.ndarray,
    y: np.ndarray,
    target: float,
    count: int,
    seed: np.random.SeedSequence,
    bounds: tuple[float, float],
    plugged: tuple[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The next ``count`` latents to try and their images, as Ax or a ``plugged`` search says; runs on a worker."""
    started = time.perf_counter()
    if plugged is None:
        from ganmdn.bayesian import suggest  # Ax takes seconds to import, and is for workers only

        suggested = suggest(z, y, target, count, seed, *bounds).z.astype(np.float32)
    else:
        suggested = _asked(plugged, (z, y, target, count, seed, *bounds))
    seconds = time.perf_counter() - started
    side = int(np.sqrt(suggested.shape[1]))
    images = generate_images(load_generator(weights), suggested.reshape(count, side, side))
    return {"z": suggested, "image": images, "seconds": seconds}


def _asked(plugged: tuple[str, Mapping[str, Any]], question: tuple[Any, ...]) -> np.ndarray:
    """Suggestions of somebody else's optimiser, (count, M) float32; ValueError where they are not."""
    reference, options = plugged
    z, count = question[0], question[3]
    answer = np.asarray(implementation_of(reference)(*question, **options), dtype=np.float32)
    if answer.shape != (count, z.shape[1]) or not np.isfinite(answer).all():
        raise ValueError(f"{reference} must suggest finite latents ({count}, {z.shape[1]}), got shape {answer.shape}")
    return answer


def _open_or_create(config: Mapping[str, Any], simulator: Simulator, context: StageContext) -> SimulationStore:
    path = context.folder / STORE
    if path.is_dir():
        store = SimulationStore.open(path, mode="r+")
        for unit in store.damaged_units():
            store.discard_unit(unit)
        return store
    return SimulationStore.create(
        path,
        capacity=config["iterations"],
        latent_shape=tuple(config["latent"]),
        image_px=config["image_px"],
        rows_per_unit=config["batch"],
        layers=simulator.layer_names,
        wavelengths_nm=simulator.wavelengths_nm,
        inputs={"iteration": "int64", "suggestion_seconds": "float64"},
        attributes={"physics": config["physics"], "target": config["target"]},
    )
