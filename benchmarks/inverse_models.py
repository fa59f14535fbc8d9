"""Mean REP of inverse models that are fitted to one set of labels, their designs simulated; a line a method.

    python benchmarks/inverse_models.py RUN data-ii [--methods forward-search nearest-labels] [--tries 1 3 10] [--json]
    python benchmarks/inverse_models.py specs/table1-authors.yaml data-ii --labels labels.npz ...

RUN is a run whose labels are done: generator, physics, labels, targets and settings of methods are its own. With a
spec of the authors' generator labels come from a file of arrays ``y`` (n,), ``z`` (n, h, w) and ``images`` (n, H, H).
Methods that the spec does not name take their defaults. ``--tries`` are simulations a design, as ``verify`` counts
them, with the first one of the design as proposed. Everything runs in this process; forward-search takes ten minutes
for 4000 labels.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import one_core  # noqa: F401  it sets threads, so it comes before anything numerical
from pydantic import TypeAdapter
from rich import print

from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.plan.optics import simulation_of
from campaign.plan.pipeline import Pipeline
from campaign.record.run_folder import Submission
from campaign.spec.campaign import Spec
from campaign.spec.generator import AuthorsGenerator
from campaign.spec.load import load_spec
from campaign.spec.methods import Method
from campaign.stages import KINDS
from campaign.stages.designs import design_seed, latents_of, load_generate
from campaign.stages.generator import WEIGHTS_FILE, convert_authors
from campaign.stages.inverse_methods import method_of
from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.labels import STORE, read_labels
from campaign.stages.simulator import Simulator
from ganmdn.candidate_choice import mean_distance, pixel_distances
from ganmdn.epochs import ALONE
from ganmdn.inverse import InverseModel, most_designs
from ganmdn.metrics import residual_error_percentage
from ganmdn.refinement import Budget, Proposals, Tries, best_of, next_tries
from ganmdn.targets import Target
from results.stores.layout import Status
from results.stores.store import SimulationStore

METHODS = ("gan-mdn", "flow-posterior", "forward-search", "nearest-labels", "random-labels")
TOLERANCE = 0.0005


class Trial:
    """One data set of a run: its labels, generator and physics."""

    def __init__(self, spec: Spec, dataset: str, inputs: Mapping[str, Path]) -> None:
        self.spec, self.dataset, self.inputs = spec, dataset, inputs
        self.simulator = Simulator.from_config(simulation_of(self.spec, dataset).physics)
        labels = read_labels(self.inputs["labels"] / STORE)
        self.labels = labels["z"], labels["y"]
        self.generate = load_generate(self.inputs["generator"] / WEIGHTS_FILE)

    @classmethod
    def of_run(cls, run: Path, dataset: str) -> Trial:
        """With the labels of a run."""
        submitted = Submission.read(run)
        results = StageResults(Pipeline.of(submitted.spec, KINDS, submitted.keys), StageCache(submitted.cache))
        inputs = {"labels": results.folder(f"labels/{dataset}"), "generator": results.folder("generator")}
        return cls(submitted.spec, dataset, inputs)

    @classmethod
    def of_file(cls, path: Path, dataset: str, labels: Path, folder: Path) -> Trial:
        """With labels from a file; what a run would keep is written into ``folder``."""
        spec = load_spec(path).spec
        if not isinstance(spec.generator, AuthorsGenerator):
            raise SystemExit(f"{path}: labels of a file need a spec with the authors' generator")
        convert_authors(spec.generator.weights, folder / WEIGHTS_FILE)
        with np.load(labels) as arrays:
            y, z, images = (arrays[name] for name in ("y", "z", "images"))
        shape = {"latent_shape": z.shape[1:], "image_px": images.shape[1]}
        store = SimulationStore.create(folder / STORE, capacity=len(y), rows_per_unit=len(y), **shape)
        store.write_unit(0, {"y": y, "z": z, "image": images, "status": np.full(len(y), Status.DONE, np.uint8)})
        store.finish()
        return cls(spec, dataset, {"labels": folder, "generator": folder})

    def method(self, kind: str) -> Any:
        """The run's own settings of a method, or its defaults."""
        own = (each for each in self.spec.methods if each.kind == kind)
        return next(own, None) or TypeAdapter(Method).validate_python(kind)

    def fitted(self, kind: str, folder: Path) -> tuple[InverseModel, DesignsConfig, float]:
        """A fitted model, the configuration of its designs, and the seconds that the fit took."""
        method, block = method_of(kind), self.method(kind)
        started = time.perf_counter()
        method.fit(method.config(self.spec, self.dataset, block), self.inputs, folder, ALONE)
        seconds = time.perf_counter() - started
        config = DesignsConfig.of_method(self.spec, self.dataset, block)
        return method.load(config, folder, lambda: self.generate), config, seconds

    def simulate(self, images: np.ndarray) -> np.ndarray:
        """Properties of images (n, H, H); NaN where a simulation fails."""
        return np.array([self.simulator.row(image)["y"] for image in images])

    def refined(self, model: InverseModel, config: DesignsConfig, target: Target, budget: Budget) -> tuple[Any, int]:
        """Designs for one target with their simulated properties, and how many simulations they took."""
        count, seed = config.designs_per_target, design_seed(config, target)
        spare = most_designs(model, count * (1 + budget.simulations))
        designs = (model.design(target, number, seed) for number in (count, spare))
        proposals = Proposals(*(replace(each, z=latents_of(config, each)) for each in designs))
        proposals = replace(proposals, first=replace(proposals.first, predicted=None, deviation=None))
        tries = Tries.none(proposals.first)
        following = partial(next_tries, target, proposals, labels=self.labels, budget=budget, generate=self.generate)
        while len((found := following(tries))[0]):
            tries = Tries.joined(tries, Tries(*found, self.simulate(found[2])))
        return best_of(target, proposals, tries), len(tries.y)


def measured(trial: Trial, kind: str, budgets: list[int]) -> Iterator[dict[str, Any]]:
    """A line a budget: mean REP by target, simulations a design, spread beside that of the labels."""
    with tempfile.TemporaryDirectory() as folder:
        model, config, seconds = trial.fitted(kind, Path(folder))
        for simulations in budgets:
            reps, used, distances = {}, 0, []
            for target in trial.spec.targets:
                designs, taken = trial.refined(model, config, target, Budget(simulations, TOLERANCE))
                reps[str(target)] = float(np.nanmean(residual_error_percentage(designs.predicted, target)))
                used += taken
                distances.append(mean_distance(pixel_distances(designs.images)))
            yield {
                "method": kind,
                "tries": simulations,
                "mean_rep": float(np.mean(list(reps.values()))),
                "by_target": reps,
                "simulations_per_design": used / (len(trial.spec.targets) * config.designs_per_target),
                "pixel_distance": float(np.mean(distances)),
                "fit_seconds": seconds,
            }


def main() -> None:
    """Print a line a method and budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run, or a spec with --labels")
    parser.add_argument("dataset")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--tries", nargs="+", type=int, default=[1])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.labels is None:
            trial = Trial.of_run(options.run, options.dataset)
        else:
            trial = Trial.of_file(options.run, options.dataset, options.labels, Path(folder))
        lines = [line for kind in options.methods for line in measured(trial, kind, options.tries)]
    if options.json:
        print(json.dumps({"dataset": options.dataset, "lines": lines}))
        return
    for line in lines:
        by_target = "  ".join(f"{target} {rep:.2f}" for target, rep in line["by_target"].items())
        print(
            f"{line['method']:>16} {line['tries']:3} tries: mean REP {line['mean_rep']:.3f} %  ({by_target}); "
            f"{line['simulations_per_design']:.1f} simulations a design, pixel distance "
            f"{line['pixel_distance']:.3f}, fitted in {line['fit_seconds']:.0f} s"
        )


if __name__ == "__main__":
    main()
