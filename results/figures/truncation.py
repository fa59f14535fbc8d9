"""Labels beside the same designs solved with more diffraction orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from results.figures.style import INK, Margins, panels, require, styled
from results.table.truncation import TruncationError


@dataclass(frozen=True)
class TruncationSample:
    """The sample of one data set: property as labelled and with more orders, (n,) each, and what that comes to."""

    dataset: str
    labels: np.ndarray
    again: np.ndarray
    error: TruncationError


@styled
def truncation_error(samples: Sequence[TruncationSample]) -> Figure:
    """Per data set: property with more orders against the label, equal on the dashed line."""
    require(bool(samples), "truncation_error needs at least one data set")
    figure, [row] = panels(1, len(samples), (2.8, 2.8), Margins(across=0.8, right=0.22))  # a tick may end the axis
    for axes, sample in zip(row, samples, strict=True):
        known = np.isfinite(sample.again)
        axes.scatter(sample.labels[known], sample.again[known], s=14, color="#0072B2", alpha=0.7, linewidths=0)
        values = np.concatenate([sample.labels[known], sample.again[known]])
        if len(values):
            ends = [values.min(), values.max()]
            axes.plot(ends, ends, color=INK, linewidth=0.9, linestyle="--")
        axes.set(
            xlabel=f"label, orders up to {sample.error.orders}", ylabel=f"orders up to {sample.error.higher_orders}"
        )
        axes.set_title(sample.dataset, loc="left")
        axes.set_aspect("equal", adjustable="datalim")
    return figure
