"""Mean REP of inverse models that are fitted to one file of labels, their designs simulated; a line a method.

    python benchmarks/inverse_models.py RUN data-ii [--methods forward-search nearest-labels] [--tries 1 3 10] [--json]

RUN is a finished run, or one whose labels are done: generator, physics, labels, targets and settings of methods are
its own. Methods that its spec does not name take their defaults. ``--tries`` are simulations a design, as ``verify``
counts them; 1 is the design as proposed. Everything runs in this process; a fit of forward-search to 4000 labels takes
ten minutes of a core.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
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
from campaign.run.freeze import Submission
from campaign.spec.campaign import Spec
from campaign.spec.methods import Method
from campaign.stages import KINDS
from campaign.stages.designs import design_seed, latents_of, load_generate
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.inverse_methods import method_of
from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.labels import STORE, read_labels
from campaign.stages.simulator import Simulator
from ganmdn.candidate_choice import mean_distance, pixel_distances
from ganmdn.inverse import InverseModel, most_designs
from ganmdn.metrics import residual_error_percentage
from ganmdn.refinement import Budget, Proposals, Tries, best_of, next_tries

METHODS = ("gan-mdn", "flow-posterior", "forward-search", "nearest-labels", "random-labels")
TOLERANCE = 0.0005


class Trial:
    """One data set of a run: its labels, generator and physics."""

    def __init__(self, run: Path, dataset: str) -> None:
        submitted = Submission.read(run)
        self.spec: Spec = submitted.spec
        self.dataset = dataset
        results = StageResults(Pipeline.of(self.spec, KINDS, submitted.keys), StageCache(submitted.cache))
        self.inputs = {"labels": results.folder(f"labels/{dataset}"), "generator": results.folder("generator")}
        self.simulator = Simulator.from_config(simulation_of(self.spec, dataset).physics)
        labels = read_labels(self.inputs["labels"] / STORE)
        self.labels = labels["z"], labels["y"]
        self.generate = load_generate(self.inputs["generator"] / WEIGHTS_FILE)

    def method(self, kind: str) -> Any:
        """The run's own settings of a method, or its defaults."""
        own = (each for each in self.spec.methods if each.kind == kind)
        return next(own, None) or TypeAdapter(Method).validate_python(kind)

    def fitted(self, kind: str, folder: Path) -> tuple[InverseModel, DesignsConfig, float]:
        """A fitted model, the configuration of its designs, and the seconds that the fit took."""
        method, block = method_of(kind), self.method(kind)
        started = time.perf_counter()
        method.fit(method.config(self.spec, self.dataset, block), self.inputs, folder, lambda done, total: None)
        seconds = time.perf_counter() - started
        config = DesignsConfig.of_method(self.spec, self.dataset, block)
        return method.load(config, folder, lambda: self.generate), config, seconds

    def simulate(self, images: np.ndarray) -> np.ndarray:
        """Properties of images (n, H, H); NaN where a simulation fails."""
        return np.array([self.simulator.row(image)["y"] for image in images])

    def refined(self, model: InverseModel, config: DesignsConfig, target: float, budget: Budget) -> tuple[Any, int]:
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
                reps[f"{target:g}"] = float(np.nanmean(residual_error_percentage(designs.predicted, target)))
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
    parser.add_argument("run", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--tries", nargs="+", type=int, default=[1])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    trial, lines = Trial(options.run, options.dataset), []
    for kind in options.methods:
        for line in measured(trial, kind, options.tries):
            lines.append(line)
            if not options.json:
                by_target = "  ".join(f"{target} {rep:.2f}" for target, rep in line["by_target"].items())
                print(
                    f"{kind:>16} {line['tries']:3} tries: mean REP {line['mean_rep']:.3f} %  ({by_target}); "
                    f"{line['simulations_per_design']:.1f} simulations a design, pixel distance "
                    f"{line['pixel_distance']:.3f}, fitted in {line['fit_seconds']:.0f} s"
                )
    if options.json:
        print(json.dumps({"dataset": options.dataset, "lines": lines}))


if __name__ == "__main__":
    main()
