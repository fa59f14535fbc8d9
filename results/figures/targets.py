"""How near to the targets: the property that designs achieve, and the history of the optimisation (Figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from results.figures.style import (
    FAINT,
    INK,
    METHOD_COLOURS,
    Margins,
    head,
    method_colours,
    method_markers,
    panels,
    require,
    side_label,
    styled,
)
from results.wanted import Wanted, ordered

BAND = 0.05  # of a target, either side: the grey band
GOLDEN = (5**0.5 - 1) / 2
LINE_HEIGHT = 0.17  # of a name, in inches
LINE = 34  # letters beside a panel
REP_FLOOR = 1e-3  # percent; the logarithmic axis of the history ends here


@dataclass(frozen=True)
class Achieved:
    """Simulated property, (n,) or (n, D), of one method's designs for one target; NaN where the simulation failed."""

    dataset: str
    method: str
    target: Wanted
    achieved: np.ndarray


@dataclass(frozen=True)
class SearchHistory:
    """REP in percent (n,) of every sample of one search in order; NaN where the simulation failed.

    The first ``initial`` samples are the starting set (the paper's 250), the others were suggested by ``method``.
    """

    dataset: str
    target: Wanted
    rep: np.ndarray
    initial: int = 0
    method: str = ""


@styled
def achieved_against_target(samples: Sequence[Achieved], axes_of: Sequence[str]) -> Figure:
    """Every design's simulated property beside its target: one panel per data set and property, one strip per method.

    A strip's bar is its median, the black line the target, the grey band 5 % around it, of a range the range itself;
    ``axes_of`` names the properties.
    """
    require(bool(samples), "achieved_against_target needs the designs of at least one method")
    datasets = list(dict.fromkeys(sample.dataset for sample in samples))
    methods = list(dict.fromkeys(sample.method for sample in samples))
    targets = ordered([sample.target for sample in samples])
    places = [(dataset, place) for dataset in datasets for place in range(len(axes_of))]
    handles = [*map(_method_handle, methods, *_looks(methods)), *_reading_handles()]
    width = max(5.7, 0.6 + len(targets) * (0.5 + 0.34 * len(methods)))
    beside = max(1, int(width / 1.6))  # handles in a line
    margins = Margins(left=0.92, down=0.35, legend=0.1 + 0.19 * -(-len(handles) // beside))
    figure, (*grid,) = panels(len(places), 1, (width, 2.7), margins, sharex=True)
    rows = [axes for [axes] in grid]
    for axes, (dataset, place) in zip(rows, places, strict=True):
        for sample in samples:
            if sample.dataset == dataset:
                _draw_strip(axes, sample, place, targets.index(sample.target), methods)
        _draw_targets(axes, [(target.low[place], target.high[place]) for target in targets])
        axes.set_title(dataset, loc="left", weight="bold")
        axes.set_ylabel(side_label(f"simulated {axes_of[place]}", LINE))
    rows[-1].set_xticks(range(len(targets)), [target.label.replace(", ", ",\n") for target in targets])
    rows[-1].set_xlabel(f"target {axes_of[0]}" if len(axes_of) == 1 else "target: " + ",\n".join(axes_of))
    head(figure, handles=handles, ncols=beside)
    return figure


def in_band(samples: Sequence[Achieved]) -> str:
    """Share of designs within 5 % of their target, in words: data set by data set, the best method first."""
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    for sample in samples:
        within = sample.target.relative_error(sample.achieved) <= BAND
        found.setdefault(sample.dataset, {}).setdefault(sample.method, []).append(within)
    told = []
    for dataset, methods in found.items():
        shares = {method: float(np.concatenate(within).mean()) for method, within in methods.items()}
        ranked = sorted(shares, key=shares.__getitem__, reverse=True)
        told.append(f"{dataset}: " + ", ".join(f"{method} {100 * shares[method]:.0f} %" for method in ranked))
    return "; ".join(told)


@styled
def optimization_history(histories: Sequence[SearchHistory]) -> Figure:
    """Figure 3: rows are data sets, columns targets; REP of each sampled design and the best so far."""
    require(bool(histories), "optimization_history needs at least one search")
    datasets = list(dict.fromkeys(history.dataset for history in histories))
    targets = ordered([history.target for history in histories])
    lines = max(dataset.count("\n") for dataset in datasets)
    margins = Margins(left=0.9 + LINE_HEIGHT * lines, bottom=0.55, across=0.12, down=0.55, legend=0.25)
    figure, grid = panels(len(datasets), len(targets), (1.75, 1.35), margins, sharex="row", sharey=True)
    for axes in grid.flat:
        axes.set_axis_off()
    for history in histories:
        axes = grid[datasets.index(history.dataset), targets.index(history.target)]
        axes.set_axis_on()
        _draw_history(axes, history)
    for row, dataset in enumerate(datasets):
        grid[row, 0].set_ylabel(f"{dataset}\nREP (%)")
    figure.supxlabel("sampled design, in order", size=9, y=0.1 / figure.get_figheight(), va="bottom")
    head(figure, *grid[0, 0].get_legend_handles_labels(), ncols=3, markerscale=3)
    return figure


def _draw_targets(axes: Axes, targets: Sequence[tuple[float, float]]) -> None:
    """Lower and upper bound of each target, and its band; open ranges end where the axis does."""
    for position, (low, high) in enumerate(targets):
        for bound in {low, high} - {-np.inf, np.inf}:
            axes.plot((position - 0.46, position + 0.46), (bound, bound), color=INK, linewidth=1.2, zorder=1)
        if low == high:
            _draw_band(axes, position, low * (1 - BAND), high * (1 + BAND))
    ends = axes.get_ylim()
    for position, (low, high) in enumerate(targets):
        if low != high:
            _draw_band(axes, position, *np.clip((low, high), *ends))
    axes.set_ylim(ends)
    axes.set_xlim(-0.6, len(targets) - 0.4)
    axes.grid(axis="x", visible=False)


def _draw_band(axes: Axes, position: int, low: float, high: float) -> None:
    axes.fill_between((position - 0.46, position + 0.46), low, high, color="#ececec", linewidth=0, zorder=0.5)


def _draw_strip(axes: Axes, sample: Achieved, place: int, position: int, methods: Sequence[str]) -> None:
    achieved = sample.achieved.reshape(len(sample.achieved), -1)[:, place]
    known = np.sort(achieved[np.isfinite(achieved)])
    if not len(known):
        return
    pitch = 0.84 / len(methods)
    centre = position + (methods.index(sample.method) - (len(methods) - 1) / 2) * pitch
    # The golden ratio spreads neighbours in value apart without chance, so the figure is always the same.
    spread = ((np.arange(len(known)) * GOLDEN) % 1 - 0.5) * pitch * 0.7 if len(known) > 1 else 0.0
    colour, marker = method_colours(methods)[sample.method], method_markers(methods)[sample.method]
    size = 13 if len(known) > 1 else 45
    axes.scatter(centre + spread, known, s=size, color=colour, marker=marker, alpha=0.75, linewidths=0, zorder=2)
    if len(known) > 1:
        half = pitch * 0.42
        axes.hlines(np.median(known), centre - half, centre + half, color=INK, linewidth=2.2, zorder=3)
        axes.hlines(np.median(known), centre - half, centre + half, color=colour, linewidth=1.2, zorder=4)


def _looks(methods: Sequence[str]) -> tuple[list[str], list[str]]:
    colours, markers = method_colours(methods), method_markers(methods)
    return [colours[method] for method in methods], [markers[method] for method in methods]


def _method_handle(method: str, colour: str, marker: str) -> Artist:
    return Line2D([], [], color=colour, marker=marker, markersize=5.3, markeredgewidth=0, linestyle="", label=method)


def _reading_handles() -> list[Artist]:
    return [
        Line2D([], [], color=INK, linewidth=2.2, label="median"),
        Patch(facecolor="#ececec", label=f"target ± {BAND:.0%}, or range".replace("%", " %")),
    ]


def _draw_history(axes: Axes, history: SearchHistory) -> None:
    colour = METHOD_COLOURS["bayesian-optimization"]
    order = np.arange(1, len(history.rep) + 1)
    rep = np.maximum(history.rep, REP_FLOOR)
    suggested = order > history.initial
    axes.scatter(order[~suggested], rep[~suggested], s=5, color="#c4c4c4", linewidths=0, label="initial design")
    axes.scatter(
        order[suggested], rep[suggested], s=6, color=colour, alpha=0.55, linewidths=0, label="suggested design"
    )
    best = np.fmin.accumulate(rep)
    axes.step(order, best, where="post", color=INK, linewidth=1.4, label="best so far")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(f"target {history.target.label}", pad=4)
    if np.isfinite(best[-1]):
        text = f"best {best[-1]:.2g} %" if best[-1] > REP_FLOOR else f"best < {REP_FLOOR:g} %"
        axes.text(0.97, 0.95, text, ha="right", va="top", size=8, transform=axes.transAxes, bbox=_paper())
    if 0 < history.initial < len(history.rep):
        axes.axvline(history.initial + 0.5, color=FAINT, linewidth=0.8, linestyle=":")


def _paper() -> dict[str, object]:
    return {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
