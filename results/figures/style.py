"""How all figures look: one type size, one colour a method (Okabe and Ito's colour-blind safe set), exact files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from textwrap import fill
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import LayoutEngine

from results.files import atomic_path

INK = "#222222"
FAINT = "#8c8c8c"
METHOD_COLOURS = {
    "gan-mdn": "#0072B2",
    "pca-mdn": "#E69F00",
    "direct-mdn": "#009E73",
    "bayesian-optimization": "#D55E00",
    "authors-mdn": "#CC79A7",
    "nearest-labels": "#4d4d4d",  # baselines are grey
    "random-labels": "#a6a6a6",
}
SPARE_COLOURS = ("#56B4E9", "#7A5195", "#8C6D1F", "#5F6B6D", "#B2182B")
METHOD_MARKERS = dict(zip(METHOD_COLOURS, "osD^v<>", strict=True))
SPARE_MARKERS = "PXhd*"
# Neither PNG nor PDF may tell when or with which version it was drawn: the same data gives the same bytes.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
MARGIN_IN = 0.08  # around what is drawn
RC: Any = {  # matplotlib types the keys one by one
    "font.size": 9,
    "image.composite_image": False,  # a vector file keeps every image as it is
    "axes.titlesize": 9.5,
    "axes.titley": 1.0,  # or what stands above every panel is looked for, which takes a tenth of a report
    "axes.labelsize": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "savefig.dpi": 160,
    "pdf.fonttype": 42,
    "svg.hashsalt": "figures",
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under our settings and matplotlib's defaults, whatever the user's own matplotlibrc says."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(RC)
            return draw(*args, **kwargs)

    return drawn


class _Arranged(LayoutEngine):
    """Of a figure whose axes have their places already."""

    _adjust_compatible = _colorbar_gridspec = True

    def execute(self, fig: Figure) -> None:
        """Leave it as it is."""


@dataclass(frozen=True)
class Margins:
    """Room around axes and between them, in inches: for tick labels, names and titles as these figures have them."""

    left: float = 0.72
    right: float = 0.12
    top: float = 0.3
    bottom: float = 0.5
    across: float = 0.62
    down: float = 0.62
    legend: float = 0.0  # above all of it


def panels(
    rows: int, columns: int, size: tuple[float, float], margins: Margins = Margins(), **options: Any
) -> tuple[Figure, np.ndarray]:
    """A figure with axes (rows, columns), each of one size in inches, at fixed distances.

    Matplotlib's own arranging, by what stands beside the axes, takes longer than drawing them. ``options`` are those of
    ``Figure.subplots``; with ``height_ratios`` the size is that of the tallest.
    """
    ratios = options.get("height_ratios", (1.0,) * rows)
    inside = size[1] * sum(ratios) / max(ratios)
    width = margins.left + columns * size[0] + (columns - 1) * margins.across + margins.right
    height = margins.bottom + inside + (rows - 1) * margins.down + margins.top + margins.legend
    figure = Figure(figsize=(width, height), layout=_Arranged())
    figure.subplots_adjust(
        left=margins.left / width,
        right=1 - margins.right / width,
        bottom=margins.bottom / height,
        top=1 - (margins.top + margins.legend) / height,
        wspace=margins.across / size[0],
        hspace=margins.down / (inside / rows),
    )
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def head(figure: Figure, *legend: Any, **options: Any) -> None:
    """A legend of all panels, in the room above them."""
    figure.legend(*legend, loc="upper center", bbox_to_anchor=(0.5, 1.0), borderaxespad=0.2, **options)


def side_label(label: str, letters: int) -> str:
    """A label for the side of a panel so many letters high: its unit on a line of its own where one is too short."""
    if len(label) <= letters:
        return label
    return "\n".join(fill(part, letters) for part in label.replace(" (", "\n(").split("\n"))


def method_colours(methods: Iterable[str]) -> dict[str, str]:
    """Colour of each method: fixed for the known ones, spare ones for the others, in alphabetical order."""
    return _assigned(methods, METHOD_COLOURS, SPARE_COLOURS)


def method_markers(methods: Iterable[str]) -> dict[str, str]:
    """Marker of each method, so that colour is never the only cue."""
    return _assigned(methods, METHOD_MARKERS, SPARE_MARKERS)


def bare(axes: Axes) -> None:
    """Leave only the content: no ticks, no grid, no frame."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)


def save_figure(figure: Figure, folder: Path | str, name: str, suffixes: Iterable[str] = (".png",)) -> list[Path]:
    """Write NAME with each suffix into ``folder``, each whole or not at all; the paths written."""
    paths = [Path(folder) / f"{name}{suffix}" for suffix in suffixes]
    write_figure(figure, paths)
    return paths


def write_figure(figure: Figure, paths: Iterable[Path]) -> None:
    """Write files that end in .png or .pdf, each whole or not at all.

    Arranged once for all, and without drawing it, which otherwise takes most of the time; the figure stays as it was
    arranged.
    """
    with matplotlib.rc_context(RC):
        layout = figure.get_layout_engine()
        if layout is not None:
            layout.execute(figure)
        figure.set_layout_engine(None)  # or every file would have the figure arranged once more before it is drawn
        box = figure.get_tightbbox().padded(MARGIN_IN) if layout is None else None
        for path in paths:
            with atomic_path(path) as temporary:
                figure.savefig(temporary, metadata=METADATA[path.suffix[1:]], bbox_inches=box)


def require(condition: bool, message: str) -> None:
    """Raise ValueError with ``message`` unless the data to draw are as they must be."""
    if not condition:
        raise ValueError(message)


def _assigned(methods: Iterable[str], known: dict[str, str], spare: Iterable[str]) -> dict[str, str]:
    names = list(dict.fromkeys(methods))
    others = sorted(set(names) - set(known))
    choices = list(spare)
    assigned = {name: choices[position % len(choices)] for position, name in enumerate(others)}
    return {name: known.get(name) or assigned[name] for name in names}
