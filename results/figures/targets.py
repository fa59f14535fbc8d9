"""How near to the targets: the property that designs achieve, and the history of the optimisation (Figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from results.figures.style import FAINT, INK, METHOD_COLOURS, method_colours, method_markers, require, styled
from results.wanted import Wanted, ordered

GOLDEN = (5**0.5 - 1) / 2
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
    width = max(6.5, 1.4 + len(targets) * (0.5 + 0.34 * len(methods)))
    figure = Figure(figsize=(width, 0.55 + 3.3 * len(places)), layout="constrained")
    panels = figure.subplots(len(places), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (dataset, place) in zip(panels, places, strict=True):
        for sample in samples:
            if sample.dataset == dataset:
                _draw_strip(axes, sample, place, targets.index(sample.target), methods)
        _draw_targets(axes, [(target.low[place], target.high[place]) for target in targets])
        axes.set_title(dataset, loc="left", weight="bold")
        axes.set_ylabel(fill(f"simulated {axes_of[place]}", LINE))
    panels[-1].set_xticks(range(len(targets)), [target.label.replace(", ", ",\n") for target in targets])
    panels[-1].set_xlabel(f"target {axes_of[0]}" if len(axes_of) == 1 else "target: " + ",\n".join(axes_of))
    handles = [*_method_handles(panels[0], methods), *_reading_handles()]
    figure.legend(handles=handles, loc="outside upper center", ncols=4 if len(handles) > 7 else len(handles))
    return figure


@styled
def optimization_history(histories: Sequence[SearchHistory]) -> Figure:
    """Figure 3: rows are data sets, columns targets; REP of each sampled design and the best so far."""
    require(bool(histories), "optimization_history needs at least one search")
    datasets = list(dict.fromkeys(history.dataset for history in histories))
    targets = ordered([history.target for history in histories])
    size = (1.1 + 2.0 * len(targets), 0.7 + 1.9 * len(datasets))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(datasets), len(targets), sharex="row", sharey=True, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for history in histories:
        axes = panels[datasets.index(history.dataset), targets.index(history.target)]
        axes.set_axis_on()
        _draw_history(axes, history)
    for row, dataset in enumerate(datasets):
        panels[row, 0].set_ylabel(f"{dataset}\nREP (%)")
    figure.supxlabel("sampled design, in order", size=9)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, markerscale=3)
    return figure


def _draw_targets(axes: Axes, targets: Sequence[tuple[float, float]]) -> None:
    """Lower and upper bound of each target; open ranges end where the axis does."""
    grey: dict[str, Any] = {"color": "#ececec", "linewidth": 0, "zorder": 0.5}
    for position, (low, high) in enumerate(targets):
        edges = (position - 0.46, position + 0.46)
        for bound in {low, high} - {-np.inf, np.inf}:
            axes.plot(edges, (bound, bound), color=INK, linewidth=1.2, zorder=1)
        if low == high:
            axes.fill_between(edges, low * 0.95, high * 1.05, **grey)
    ends = axes.get_ylim()
    for position, (low, high) in enumerate(targets):
        if low != high:
            axes.fill_between((position - 0.46, position + 0.46), *np.clip((low, high), *ends), **grey)
    axes.set_ylim(*ends)
    axes.set_xlim(-0.6, len(targets) - 0.4)
    axes.grid(axis="x", visible=False)


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


def _method_handles(axes: Axes, methods: Sequence[str]) -> list[Artist]:
    colours, markers = method_colours(methods), method_markers(methods)
    return [
        axes.scatter([], [], s=28, color=colours[method], marker=markers[method], linewidths=0, label=method)
        for method in methods
    ]


def _reading_handles() -> list[Artist]:
    return [
        Line2D([], [], color=INK, linewidth=2.2, label="median"),
        Patch(facecolor="#ececec", label="target ± 5 %, or range"),
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
