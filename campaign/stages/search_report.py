"""What the report takes from searches: lines of the table, best designs, and how every search went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.finished import StageResults, StageRows
from campaign.plan.kind import Stage, by_repeats
from campaign.stages.labels import STORE as LABELS

if TYPE_CHECKING:
    from ganmdn.targets import Target
    from results.figures.gallery import BestDesign, MethodDesigns
    from results.figures.targets import SearchHistory
    from results.table.rows import TableRow


@dataclass(frozen=True)
class Found:
    """What one search came to for one target."""

    row: TableRow
    design: BestDesign
    history: SearchHistory


def search_pieces(
    stages: Sequence[Stage[Any]],
    results: StageResults,
    targets_of: Callable[[Any], Sequence[Target]],
    store: str,
) -> Iterator[TableRow | MethodDesigns | SearchHistory]:
    """A line for each search and target, a history for each of its repeats, and the best designs of each method.

    Parameters
    ----------
    stages
        Searches that start from the first ``config.initial`` labels and say by their fact ``search_seconds`` what they
        took, simulations included.
    targets_of
        From a stage's configuration to the targets that its simulations serve.
    store
        File name of their simulations, in the order of the search.
    """
    from results.figures.gallery import MethodDesigns
    from results.table.rows import search_row

    best: dict[tuple[str, str], list[BestDesign]] = {}
    for repeats in by_repeats(stages):
        first = repeats[0]
        targets = targets_of(first.config)
        for target in targets:
            found = [_found(stage, results, target, len(targets), store) for stage in repeats]
            yield search_row([each.row for each in found])
            yield from (each.history for each in found)
            design = min((each.design for each in found), key=lambda design: design.distance)
            best.setdefault((first.dataset, first.method), []).append(design)
    for (dataset, method), designs in best.items():
        yield MethodDesigns(dataset, method, tuple(designs))


def rows_behind(stage: Stage[Any], targets: Sequence[Target]) -> Iterator[tuple[Target, tuple[StageRows, ...]]]:
    """The starting pairs of a search and all its simulations, for every target that it served."""
    labels = StageRows(stage.inputs["labels"], tuple(range(stage.config.initial)))
    for target in targets:
        yield target, (labels, StageRows(stage.name, tuple(range(stage.simulations))))


def _found(stage: Stage[Any], results: StageResults, target: Target, served: int, store: str) -> Found:
    """What one search came to; its starting pairs are part of it, and its cost is shared by the ``served`` targets."""
    from ganmdn.metrics import RepSummary, residual_error_percentage
    from results.figures.gallery import nearest_design
    from results.figures.targets import SearchHistory
    from results.stores.store import SimulationStore
    from results.table.rows import TableRow, if_finite

    initial, simulations = stage.config.initial, stage.simulations / served
    labels = SimulationStore.open(results.folder(stage.inputs["labels"]) / LABELS)
    trials = SimulationStore.open(results.folder(stage.name) / store)
    y = np.concatenate([labels.read("y", rows=slice(initial))["y"], trials.read("y")["y"]])
    summary = RepSummary.of(y, target)
    seconds = results.record(stage.name).facts["search_seconds"] / served
    seconds += initial * results.record(stage.inputs["labels"]).facts["seconds_per_simulation"]
    candidates = (nearest_design(trials, slice(None), target), nearest_design(labels, slice(initial), target))
    design = min(candidates, key=lambda each: each.distance)
    row = TableRow(
        *(stage.dataset, stage.method, target, if_finite(summary.minimum), None, None, seconds),
        designs=len(y),
        failed=summary.failed,
        seeds=(stage.config.seed,),
        labels=initial,
        simulations=round(simulations),
        label_equivalents=simulations,  # of the same physics: a label's cost each
        mean_achieved=design.achieved,
    )
    dataset = f"{stage.dataset}, repeat {stage.repeat + 1}" if stage.repeat else stage.dataset
    history = SearchHistory(dataset, target, residual_error_percentage(y, target), initial, stage.method)
    return Found(row, design, history)
