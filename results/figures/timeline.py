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
MOST_ROWS = 60  # stages with a bar
MOST_STEPS = 240  # of the cores at work


@dataclass(frozen=True)
class Bar:
    """A stage at work, from ``start`` to ``end`` in seconds since the run's first, on ``cores`` cores on average."""

    stage: str
    start: float
    end: float
    cores: float


@styled
def core_timeline(bars: Sequence[Bar], workers: int) -> Figure:
    """Above: cores at work over the run's time, against those that it had. Below: a row for every stage.

    A stage's cores are spread evenly over each of its bars, since that is all that is known of it; what waits has none.
    Of many stages those that took most have a row.
    """
    require(bool(bars), "core_timeline needs at least one stage at work")
    scale, unit = _unit(max(bar.end for bar in bars))
    edges, cores = busy_cores(bars)
    stages, others = _largest(bars)
    bars = [bar for bar in bars if bar.stage in stages]
    heights = (1.2, 0.2 + 0.17 * len(stages))
    margins = Margins(left=0.3 + 0.058 * max(map(len, stages)), top=0.1, bottom=0.45, down=0.15)
    figure, [[above], [below]] = panels(2, 1, (5.0, max(heights)), margins, sharex=True, height_ratios=heights)
    above.stairs(cores, edges / scale, fill=True, color=BUSY, alpha=0.75)
    above.axhline(workers, color=INK, linewidth=0.9, linestyle="--")
    above.set(ylabel="cores at work", ylim=(0, 1.15 * max(workers, float(cores.max()))))
    rows = [stages.index(bar.stage) for bar in bars]
    ends = [bar.start / scale for bar in bars], [bar.end / scale for bar in bars]
    full = 0.8 * POINTS * heights[1] / (len(stages) + 1)  # of a bar's height, in points
    below.hlines(rows, *ends, color=FAINT, alpha=0.25, linewidth=full)
    below.hlines(rows, *ends, color=BUSY, linewidth=[full * min(1.0, bar.cores / workers) for bar in bars])
    below.set_ylim(-1, len(stages))
    left_out = f"; {others} stages that took less have no row" if others else ""
    below.set(
        yticks=range(len(stages)), yticklabels=stages, xlabel=f"time since the first stage began ({unit}){left_out}"
    )
    below.tick_params(axis="y", labelsize=7)
    below.invert_yaxis()
    below.grid(axis="y", visible=False)
    return figure


def busy_cores(bars: Sequence[Bar]) -> tuple[np.ndarray, np.ndarray]:
    """Edges (n + 1,) in seconds, and the cores at work between them (n,), all stages together.

    Between as many even edges as a picture can show, where stages tell of more.
    """
    times = np.array([[bar.start for bar in bars], [bar.end for bar in bars]])
    cores = np.array([bar.cores for bar in bars])
    edges, places = np.unique(times, return_inverse=True)
    if len(edges) == 1:
        return np.append(edges, edges + 1e-3), np.zeros(1)
    changes = np.bincount(places.ravel(), weights=np.concatenate([cores, -cores]))
    at_work = np.cumsum(changes)[:-1]
    if len(at_work) > MOST_STEPS:
        done = np.append(0.0, np.cumsum(at_work * np.diff(edges)))
        even = np.linspace(edges[0], edges[-1], MOST_STEPS + 1)
        return even, np.diff(np.interp(even, edges, done)) / np.diff(even)
    return edges, at_work


def _largest(bars: Sequence[Bar]) -> tuple[list[str], int]:
    """The stages that took most of the cores, in the order of their starts, and how many others there are."""
    spent: dict[str, float] = {}
    for bar in bars:
        spent[bar.stage] = spent.get(bar.stage, 0.0) + bar.cores * (bar.end - bar.start)
    kept = set(sorted(spent, key=spent.__getitem__, reverse=True)[:MOST_ROWS])
    return [stage for stage in spent if stage in kept], len(spent) - len(kept)


def _unit(seconds: float) -> tuple[float, str]:
    if seconds < 3 * MINUTE:
        return 1.0, "s"
    return (MINUTE, "min") if seconds < 3 * HOUR else (HOUR, "h")
