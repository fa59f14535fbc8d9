"""What the microstructures are like, and how their property is spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.style import INK, Margins, head, panels, require, side_label, styled

SET_COLOURS = ("#222222", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
SET_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))


@dataclass(frozen=True)
class StatisticCurve:
    """A statistic of a set of images: mean over images (n,) at ``x`` (n,), and its standard deviation (n,)."""

    x: np.ndarray
    mean: np.ndarray
    std: np.ndarray | None = None


LINE = 28  # letters beside a panel
STATISTICS_IMAGES = 250  # of a set: enough for means and spreads; all of a large one would only take longer


@dataclass(frozen=True)
class ImageSet:
    """Images (n, px, px) of 0/1, by the name that figures give them; ``dataset`` where they are of one."""

    label: str
    images: np.ndarray
    dataset: str = ""


@dataclass(frozen=True)
class Morphology:
    """Statistics of one set of images, white phase; distances in pixels, frequencies in cycles per pixel."""

    label: str
    two_point_correlation: StatisticCurve
    spectral_density: StatisticCurve
    lineal_path: StatisticCurve
    volume_fraction: np.ndarray


@dataclass(frozen=True)
class LabelDistribution:
    """One property y (n,) and volume fraction of the white phase (n,) of one data set's images.

    ``axis`` names the property, ``marks`` are the bounds of what is wanted of it.
    """

    dataset: str
    y: np.ndarray
    volume_fraction: np.ndarray
    axis: str
    marks: tuple[float, ...] = ()


@styled
def morphology_statistics(sets: Sequence[Morphology]) -> Figure:
    """Two-point correlation, spectral density, lineal path and volume fraction of several sets of images.

    Lines are means over the images, bands one standard deviation.
    """
    require(bool(sets), "morphology_statistics needs at least one set of images")
    figure, grid = panels(2, 2, (3.5, 1.95), Margins(across=0.75, down=0.75, legend=0.25))
    correlation, density, path, fraction = grid.flat
    for index, images in enumerate(sets):
        _draw_curve(correlation, images.two_point_correlation, images.label, index)
        _draw_curve(density, images.spectral_density, images.label, index)
        _draw_curve(path, images.lineal_path, images.label, index)
    _draw_fractions(fraction, sets)
    correlation.set(title="two-point correlation", xlabel="distance (pixels)", ylabel="probability")
    density.set(
        title="spectral density", xlabel="frequency (cycles per pixel)", ylabel="share of the variance per cycle/px"
    )
    path.set(title="lineal path", xlabel="segment length (pixels)", ylabel="probability")
    fraction.set(title="volume fraction of the white phase", xlabel="volume fraction", ylabel="share of images")
    head(figure, *correlation.get_legend_handles_labels(), ncols=len(sets))
    return figure


@styled
def label_distribution(sets: Sequence[LabelDistribution]) -> Figure:
    """Per data set and property: its histogram with the targets marked, and its tie to volume fraction."""
    require(bool(sets), "label_distribution needs at least one data set")
    is_shared = len({labels.axis for labels in sets}) == 1
    margins = Margins(across=0.88, down=0.75)
    figure, grid = panels(len(sets), 2, (3.5, 1.75), margins, sharex="col" if is_shared else "none")
    for (histogram, scatter), labels in zip(grid, sets, strict=True):
        known = np.isfinite(labels.y)
        _draw_histogram(histogram, labels, known)
        histogram.set_title(f"{labels.dataset} · {known.sum()} simulated images", loc="left")
        scatter.scatter(labels.volume_fraction[known], labels.y[known], s=6, color="#0072B2", alpha=0.4, linewidths=0)
        for mark in labels.marks:
            scatter.axhline(mark, color=INK, linewidth=0.8, linestyle="--")
        scatter.set(xlabel="volume fraction of the white phase", ylabel=side_label(f"simulated {labels.axis}", LINE))
        scatter.set_title("dashed: targets", loc="left")
        for axes in (histogram, scatter):
            axes.tick_params(labelbottom=True)
    return figure


def explained(sets: Sequence[LabelDistribution]) -> str:
    """How much of the variance of y a straight line in volume fraction explains (r squared), in words."""
    told = []
    for labels in sets:
        known = np.isfinite(labels.y)
        y, fraction = labels.y[known], labels.volume_fraction[known]
        if len(y) > 1 and y.std() > 0 and fraction.std() > 0:
            told.append(f"{100 * np.corrcoef(y, fraction)[0, 1] ** 2:.0f} % of its variance on {labels.dataset}")
    return " and ".join(told) or "which these labels do not say"


def _draw_curve(axes: Axes, curve: StatisticCurve, label: str, index: int) -> None:
    colour = SET_COLOURS[index % len(SET_COLOURS)]
    axes.plot(curve.x, curve.mean, color=colour, linestyle=SET_LINES[index % len(SET_LINES)], label=label)
    if curve.std is not None:
        low, high = curve.mean - curve.std, curve.mean + curve.std
        axes.fill_between(curve.x, low, high, color=colour, alpha=0.08, linewidth=0)


def _draw_fractions(axes: Axes, sets: Sequence[Morphology]) -> None:
    edges = np.histogram_bin_edges(np.concatenate([images.volume_fraction for images in sets]), bins=24)
    for index, images in enumerate(sets):
        axes.hist(
            images.volume_fraction,
            bins=edges.tolist(),
            weights=np.full(len(images.volume_fraction), 1 / len(images.volume_fraction)),
            histtype="step",
            linewidth=1.5,
            color=SET_COLOURS[index % len(SET_COLOURS)],
            linestyle=SET_LINES[index % len(SET_LINES)],
        )


def _draw_histogram(axes: Axes, labels: LabelDistribution, known: np.ndarray) -> None:
    axes.hist(labels.y[known], bins=40, color="#0072B2", alpha=0.85)
    for mark in labels.marks:
        axes.axvline(mark, color=INK, linewidth=0.9, linestyle="--")
    axes.set(xlabel=f"simulated {labels.axis}", ylabel="images")
