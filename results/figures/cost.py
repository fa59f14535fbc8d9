"""What designs cost: REP against label equivalents, and against the number of targets (one column a data set)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from results.figures.style import Margins, head, method_colours, method_markers, panels, require, styled
from results.figures.targets import REP_FLOOR, SearchHistory
from results.table.cost import TARGETS, MethodCost

QUARTILES = (25, 50, 75)
LEGEND_COLUMNS = 4


@styled
def cost_curves(costs: Sequence[MethodCost], histories: Sequence[SearchHistory], targets: int) -> Figure:
    """Above: REP by label equivalents spent on a target; below: what a target costs by how many there are.

    Searches are curves, the best so far as median and quartiles over targets and repeats. A method that learns is a
    filled marker at the mean REP of its designs with a line down to the best of them. Labels are shared by ``targets``
    targets above, by each number of targets below.

    Parameters
    ----------
    costs
        Of one method and data set each.
    histories
        Of the searches among them; those of further repeats too.
    targets
        How many the campaign asked for.
    """
    require(bool(costs), "cost_curves needs at least one method whose labels are known")
    datasets = list(dict.fromkeys(each.dataset for each in costs))
    methods = list(dict.fromkeys(each.method for each in costs))
    margins = Margins(across=0.2, legend=0.1 + 0.19 * -(-len(methods) // LEGEND_COLUMNS))
    figure, grid = panels(2, len(datasets), (3.6, 2.3), margins, sharey="row")
    for column, dataset in enumerate(datasets):
        own = [each for each in costs if each.dataset == dataset]
        curves = {each.method: [one for one in histories if _is_of(one, each)] for each in own}
        _draw_anytime(grid[0, column], own, curves, targets, methods)
        _draw_break_even(grid[1, column], own, methods)
        grid[0, column].set_title(dataset, loc="left", weight="bold")
    grid[0, 0].set_ylabel("REP (%)")
    grid[1, 0].set_ylabel("label equivalents a target")
    handles = [
        grid[1, 0].plot([], [], color=_colour(methods, name), marker=_marker(methods, name), label=name)[0]
        for name in methods
    ]
    head(figure, handles=handles, ncols=LEGEND_COLUMNS)
    return figure


def _is_of(history: SearchHistory, cost: MethodCost) -> bool:
    """Whether a history, whose data set may say which repeat it is, is of a search."""
    return history.method == cost.method and history.dataset.split(", repeat ")[0] == cost.dataset


def _draw_anytime(
    axes: Axes,
    costs: Sequence[MethodCost],
    curves: dict[str, list[SearchHistory]],
    targets: int,
    methods: Sequence[str],
) -> None:
    for cost in costs:
        colour, spent = _colour(methods, cost.method), cost.per_target(targets)
        if curves[cost.method]:
            _draw_search(axes, cost, curves[cost.method], targets, colour)
        elif cost.mean_rep is not None and cost.minimum_rep is not None:
            ends = (_floored(cost.minimum_rep), _floored(cost.mean_rep))
            axes.plot((spent, spent), ends, color=colour, linewidth=1, alpha=0.6)
            axes.plot(spent, ends[1], color=colour, marker=_marker(methods, cost.method), markersize=6)
    axes.set(xscale="log", yscale="log", xlabel=f"label equivalents a target, labels shared by {targets}")
    _plain(axes)


def _draw_search(axes: Axes, cost: MethodCost, histories: Sequence[SearchHistory], targets: int, colour: str) -> None:
    """From the starting pairs on, which cost what labels cost; each further simulation costs its share of ``own``."""
    length = min(len(each.rep) for each in histories)
    best = np.stack([np.fmin.accumulate(each.rep)[cost.labels : length] for each in histories])
    if not best.size or not np.isfinite(best).any():
        return
    low, middle, high = _floored(np.nanpercentile(best, QUARTILES, axis=0))
    spent = cost.labels / targets + cost.own * np.arange(1, best.shape[1] + 1) / best.shape[1]
    axes.plot(spent, middle, color=colour)
    axes.fill_between(spent, low, high, color=colour, alpha=0.18, linewidth=0)


def _draw_break_even(axes: Axes, costs: Sequence[MethodCost], methods: Sequence[str]) -> None:
    for cost in costs:
        spent = [max(cost.per_target(number), 1e-3) for number in TARGETS]
        colour, marker = _colour(methods, cost.method), _marker(methods, cost.method)
        axes.plot(TARGETS, spent, color=colour, marker=marker, markersize=4, linestyle="--" if cost.is_search else "-")
    axes.set(xscale="log", yscale="log", xlabel="targets that a method is asked for")
    axes.set_xticks(TARGETS)
    _plain(axes)


def _plain(axes: Axes) -> None:
    """Numbers rather than powers of ten, and no ticks between them, which take longer to draw than all else."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())


def _floored(rep: float | np.ndarray) -> np.ndarray:
    return np.maximum(rep, REP_FLOOR)


def _colour(methods: Sequence[str], method: str) -> str:
    return method_colours(methods)[method]


def _marker(methods: Sequence[str], method: str) -> str:
    return method_markers(methods)[method]
