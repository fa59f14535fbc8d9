"""What the methods of a run cost beside what they come to, drawn and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from campaign.report.pieces import Pieces
from campaign.spec.campaign import Spec
from results.figures.cost import cost_curves
from results.figures.targets import SearchHistory
from results.report import DataTable, Picture
from results.table.cost import TARGETS, TRIES, MethodCost, break_even, method_costs, tries_of
from results.table.lines import format_figure
from results.table.rows import BASELINES, TableRow

SECTION = "cost"


def cost_picture(rows: Sequence[TableRow], pieces: Pieces, spec: Spec) -> Iterator[Picture]:
    """REP by label equivalents, and break-even of searches and methods that learn; none without a method."""
    costs = method_costs(rows)
    if costs:
        caption = (
            "Above: REP by label equivalents (the cost of one label) spent on a target; markers are the mean REP of "
            "the designs, with a line down to the best of them; curves are the best so far of searches, median and "
            "quartiles over targets and repeats. Below: what a target costs when a method is asked for so many. "
            + " ".join(_break_evens(costs))
        ).strip()
        yield Picture(SECTION, SECTION, cost_curves(costs, pieces.all(SearchHistory), len(spec.targets)), caption)


def cost_tables(rows: Sequence[TableRow]) -> Iterator[DataTable]:
    """REP by the number of tries, and label equivalents by the number of targets."""
    tries = tries_of(rows)
    if tries:
        headings = ("data set", "method", *(_numbered(number, "try", "tries") for number in TRIES))
        lines = tuple(
            (*place, *(format_figure(rep) for rep in reps), *[""] * (len(TRIES) - len(reps)))
            for place, reps in tries.items()
        )
        caption = (
            "Least REP (%) to expect when so many of the designs are simulated and the best is taken, mean over the "
            "targets (the field's re-simulation error)."
        )
        yield DataTable(headings, lines, caption, SECTION)
    costs = method_costs(rows)
    if costs:
        headings = ("data set", "method", "REP (%)", *(_numbered(number, "target", "targets") for number in TARGETS))
        yield DataTable(headings, tuple(_cost_line(each) for each in costs), COST_CAPTION, SECTION)


COST_CAPTION = (
    "Label equivalents a target, when a method is asked for so many targets: the labels that it learnt or started "
    "from, shared by all, and what it simulates for each. REP: mean of the designs, of a search that of its one design."
)


def _cost_line(cost: MethodCost) -> tuple[str, ...]:
    rep = cost.minimum_rep if cost.is_search else cost.mean_rep
    return (cost.dataset, cost.method, format_figure(rep), *(f"{cost.per_target(number):,.0f}" for number in TARGETS))


def _break_evens(costs: Sequence[MethodCost]) -> Iterator[str]:
    """From how many targets on the best method that learns costs less than the best search, by data set."""
    for dataset in dict.fromkeys(each.dataset for each in costs):
        own = [each for each in costs if each.dataset == dataset and each.method not in BASELINES]
        learnt = [each for each in own if each.mean_rep is not None]
        searches = [each for each in own if each.is_search and each.minimum_rep is not None]
        if not learnt or not searches:
            continue
        method = min(learnt, key=lambda each: each.mean_rep or 0.0)
        search = min(searches, key=lambda each: each.minimum_rep or 0.0)
        number = break_even(method, search)
        if number is None:
            yield f"On {dataset} {method.method} never costs less a target than {search.method}."
        else:
            yield f"On {dataset} {method.method} costs less than {search.method} from {number:.1f} targets on."


def _numbered(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
