"""When each stage of a run was at work, and how many cores it kept busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from results.figures.style import FAINT, INK, Margins, panels, require, styled

BUSY = "#0072B2"
POINTS = 72.0  # in an inch
MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True)
class Bar:
    """One stage at work, from ``start`` to ``end`` in seconds since the run's first, on ``cores`` cores on average."""

    stage: str
    start: float
    end: float
    cores: float


@styled
def core_timeline(bars: Sequence[Bar], workers: int) -> Figure:
    """Above: cores at work over the run's time, against those that it had. Below: a bar for every stage.

    A stage's cores are spread evenly over its time, since that is all that is known of it; what waits has none.
    """
    require(bool(bars), "core_timeline needs at least one stage at work")
    scale, unit = _unit(max(bar.end for bar in bars))
    stages = list(dict.fromkeys(bar.stage for bar in bars))
    heights = (1.2, 0.2 + 0.17 * len(stages))
    margins = Margins(left=0.3 + 0.058 * max(map(len, stages)), top=0.1, bottom=0.45, down=0.15)
    figure, [[above], [below]] = panels(2, 1, (5.0, max(heights)), margins, sharex=True, height_ratios=heights)
    edges, cores = busy_cores(bars)
    above.stairs(cores, edges / scale, fill=True, color=BUSY, alpha=0.75)
    above.axhline(workers, color=INK, linewidth=0.9, linestyle="--")
    above.set(ylabel="cores at work", ylim=(0, 1.15 * max(workers, float(cores.max()))))
    rows = [stages.index(bar.stage) for bar in bars]
    ends = [bar.start / scale for bar in bars], [bar.end / scale for bar in bars]
    full = 0.8 * POINTS * heights[1] / (len(stages) + 1)  # of a bar's height, in points
    below.hlines(rows, *ends, color=FAINT, alpha=0.25, linewidth=full)
    below.hlines(rows, *ends, color=BUSY, linewidth=[full * min(1.0, bar.cores / workers) for bar in bars])
    below.set_ylim(-1, len(stages))
    below.set(yticks=range(len(stages)), yticklabels=stages, xlabel=f"time since the first stage began ({unit})")
    below.tick_params(axis="y", labelsize=7)
    below.invert_yaxis()
    below.grid(axis="y", visible=False)
    return figure


def busy_cores(bars: Sequence[Bar]) -> tuple[np.ndarray, np.ndarray]:
    """Edges (n + 1,) in seconds, and the cores at work between them (n,), all stages together."""
    edges = np.unique([time for bar in bars for time in (bar.start, bar.end)])
    if len(edges) == 1:
        edges = np.append(edges, edges + 1e-3)
    middles = (edges[:-1] + edges[1:]) / 2
    cores = [sum(bar.cores for bar in bars if bar.start < middle < bar.end) for middle in middles]
    return edges, np.asarray(cores, dtype=float)


def _unit(seconds: float) -> tuple[float, str]:
    if seconds < 3 * MINUTE:
        return 1.0, "s"
    return (MINUTE, "min") if seconds < 3 * HOUR else (HOUR, "h")
