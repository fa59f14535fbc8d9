"""Training curves: the GAN's losses and the negative log-likelihood of the mixture density networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.style import FAINT, INK, Margins, head, method_colours, panels, require, styled

LOSS_COLOUR = "#0072B2"
SMOOTHING = 50  # a smoothed curve averages over this fraction of its length: 1/50


@dataclass(frozen=True)
class TrainingCurve:
    """Mean negative log-likelihood per epoch, (epochs,) each, of one inverse model; ``best_epoch`` counts from 1."""

    dataset: str
    method: str
    training: np.ndarray
    validation: np.ndarray
    best_epoch: int


@styled
def gan_losses(steps: np.ndarray, losses: Mapping[str, np.ndarray]) -> Figure:
    """One panel per loss (name to values, (n,) each at generator updates ``steps``): raw values and moving mean."""
    require(bool(losses), "gan_losses needs at least one loss")
    for name, values in losses.items():
        require(len(values) == len(steps), f"loss {name} has {len(values)} values for {len(steps)} steps")
    columns = 2 if len(losses) == 4 else min(3, len(losses))
    rows = -(-len(losses) // columns)
    figure, grid = panels(rows, columns, (2.6, 1.5), Margins(across=0.8, legend=0.25), sharex=True)
    for axes, (name, values) in zip(grid.flat, losses.items(), strict=False):
        axes.plot(steps, values, color=LOSS_COLOUR, alpha=0.3, linewidth=0.8, label="as trained")
        axes.plot(steps, _moving_mean(values), color=LOSS_COLOUR, label="moving mean")
        axes.set_title(name, loc="left")
        axes.tick_params(labelbottom=True)
        axes.set(xlabel="generator updates", ylabel="loss")
    for axes in figure.axes[len(losses) :]:
        axes.set_axis_off()
    head(figure, *figure.axes[0].get_legend_handles_labels(), ncols=2)
    return figure


@styled
def mdn_training(curves: Sequence[TrainingCurve]) -> Figure:
    """Rows are data sets, columns methods: training and validation loss per epoch, the epoch that is kept marked.

    Repeats of a method share its panel.
    Each panel has its own scale: likelihoods of outputs of different dimension cannot be compared.
    """
    require(bool(curves), "mdn_training needs at least one curve")
    datasets = list(dict.fromkeys(curve.dataset for curve in curves))
    methods = list(dict.fromkeys(curve.method for curve in curves))
    figure, grid = panels(len(datasets), len(methods), (3.2 if len(methods) == 1 else 2.3, 1.6), Margins(across=0.75))
    for axes in grid.flat:
        axes.set_axis_off()
    for dataset, method in dict.fromkeys((curve.dataset, curve.method) for curve in curves):
        axes = grid[datasets.index(dataset), methods.index(method)]
        axes.set_axis_on()
        own = [curve for curve in curves if (curve.dataset, curve.method) == (dataset, method)]
        _draw_curves(axes, own, method_colours(methods)[method])
    for row in grid:
        row[0].set_ylabel("negative log-likelihood")
    return figure


def _draw_curves(axes: Axes, curves: Sequence[TrainingCurve], colour: str) -> None:
    """All repeats of one method on one data set; the legend names each kind of line once."""
    kept = ", ".join(str(curve.best_epoch) for curve in curves)
    for place, curve in enumerate(curves):
        labels = ("training", "validation", f"kept: epoch {kept}") if place == 0 else ("", "", "")
        epochs = np.arange(1, len(curve.training) + 1)
        axes.plot(epochs, curve.training, color=FAINT, linewidth=1.0, label=labels[0])
        axes.plot(epochs, curve.validation, color=colour, label=labels[1])
        least = curve.validation[curve.best_epoch - 1]
        axes.plot(curve.best_epoch, least, "o", color=INK, markersize=5, label=labels[2])
    axes.set_title(f"{curves[0].dataset} · {curves[0].method}", loc="left")
    axes.set_xlabel("epoch")
    axes.set_ylim(*_robust_limits(*(losses for curve in curves for losses in (curve.training, curve.validation))))
    axes.legend(loc="upper right", fontsize=8)


def _robust_limits(*curves: np.ndarray) -> tuple[float, float]:
    """Limits without the first few epochs' peak and single spikes, which would flatten all that matters."""
    values = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
    low, high = float(values.min()), float(np.percentile(values, 97))
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + 4 * margin


def _moving_mean(values: np.ndarray) -> np.ndarray:
    width = max(1, len(values) // SMOOTHING)
    weights = np.convolve(np.ones(len(values)), np.ones(width), mode="same")
    return np.convolve(values, np.ones(width), mode="same") / weights
