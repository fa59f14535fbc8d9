"""What a second round of labels that aims at the targets is worth: mean REP of methods with one round and with two.

    python benchmarks/label_rounds.py benchmarks/label_rounds.yaml data-ii --designs 20 [--orders 5] [--low-orders 3]

Both campaigns have the same number of labels, and run whole in this process by a profile of kind ``in-process``; what
they share, the generator and the first round, is computed once. ``--orders`` replaces the spec's diffraction orders,
``--low-orders`` adds forward-search with a cheap solve at so many. Settings of methods are the spec's, or their
defaults. A table of each method's mean REP by target, and the cost of its designs in label equivalents a design.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from rich import print

from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.run.executor import Executor
from campaign.spec.campaign import Spec
from campaign.spec.load import load_spec
from campaign.spec.methods import Method
from campaign.spec.profile import InProcessProfile
from campaign.stages import KINDS
from results.table.rows import TableRow

METHODS = ("nearest-labels", "random-labels", "gan-mdn", "forward-search")


def asked(spec: Spec, options: argparse.Namespace, rounds: int) -> Spec:
    """The spec with one data set, so many labels in so many rounds, and the methods that are compared."""
    own = {method.kind: method for method in reversed(spec.methods)}
    methods = [own.get(kind) or TypeAdapter(Method).validate_python(kind) for kind in options.methods]
    entries: list[Any] = [
        method.model_dump(mode="json", exclude_none=True, exclude={"repeats", "datasets"}) for method in methods
    ]
    if options.low_orders:
        search = next(entry for entry in entries if entry["kind"] == "forward-search")
        entries.append(search | {"name": "low-orders", "low_orders": {"orders": options.low_orders}})
    data = spec.model_dump(mode="json", exclude_none=True) | {
        "datasets": {options.dataset: spec.datasets[options.dataset].model_dump(mode="json")},
        "labels": {"count": options.count, "rounds": rounds, "first": options.first, "truncation_sample": 0},
        "methods": entries,
        "designs_per_target": options.designs,
        "repeats": 1,
    }
    orders = options.orders or spec.physics.orders_of(options.dataset)
    data["physics"]["numerics"]["orders"] = orders
    return Spec.model_validate(data)


def measured(spec: Spec, cache: StageCache, folder: Path) -> list[dict[str, Any]]:
    """A line a method: its REP by target, and what its designs cost."""
    pipeline = Pipeline.of(spec, KINDS)
    folder.mkdir(parents=True)
    Executor(pipeline, cache, InProcessProfile(kind="in-process"), folder).execute()
    results = StageResults(pipeline, cache)
    stages = [stage for stage in pipeline.stages if stage.kind == "verification"]
    rows = [piece for piece in stages[0].descriptor.report(stages, results) if isinstance(piece, TableRow)]
    lines = []
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        reps = {str(row.target): row.mean_rep for row in own}
        cost = sum(row.label_equivalents or 0.0 for row in own) / sum(row.designs for row in own)
        known = [rep for rep in reps.values() if rep is not None]
        mean = float(np.mean(known)) if known else None
        lines.append(
            {"rounds": spec.labels.rounds, "method": method, "mean_rep": mean, "by_target": reps, "cost": cost}
        )
    return lines


def main() -> None:
    """Print a line a number of rounds and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--first", type=float, default=0.5)
    parser.add_argument("--rounds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--designs", type=int, default=30)
    parser.add_argument("--orders", type=int)
    parser.add_argument("--low-orders", type=int)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--folder", type=Path, help="where results are kept; default: nowhere")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    spec, lines = load_spec(options.spec).spec, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for rounds in options.rounds:
            with tempfile.TemporaryDirectory() as run:
                lines += measured(asked(spec, options, rounds), StageCache(folder / "cache"), Path(run) / "run")
    if options.json:
        print(json.dumps({"lines": lines}))
        return
    for line in lines:
        by_target = "  ".join(f"{target} {rep:.2f}" for target, rep in line["by_target"].items() if rep is not None)
        print(
            f"{line['rounds']} rounds {line['method']:>16}: mean REP {line['mean_rep'] or float('nan'):6.3f} %  "
            f"({by_target}); {line['cost']:.2f} label equivalents a design"
        )


if __name__ == "__main__":
    main()
