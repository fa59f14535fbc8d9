"""Morphology and label figures: shares add up, units are on the axes, failed labels are left out."""

from __future__ import annotations

import numpy as np
import pytest

from results.figures.morphology import (
    LabelDistribution,
    Morphology,
    StatisticCurve,
    label_distribution,
    morphology_statistics,
)


def morphology(label: str, count: int) -> Morphology:
    x = np.arange(10.0)
    curve = StatisticCurve(x, np.exp(-x), np.full(10, 0.1))
    fractions = np.random.default_rng(count).uniform(0.3, 0.7, count)
    return Morphology(label, curve, StatisticCurve(x / 20, np.exp(-x)), curve, fractions)


def test_four_panels_have_units_and_one_legend() -> None:
    figure = morphology_statistics([morphology("microstructures", 50), morphology("generated", 200)])
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "distance (pixels)",
        "frequency (cycles per pixel)",
        "segment length (pixels)",
        "volume fraction",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["microstructures", "generated"]
    assert [len(axes.lines) for axes in figure.axes[:3]] == [2, 2, 2]


def test_sets_of_different_size_are_compared_as_shares() -> None:
    figure = morphology_statistics([morphology("few", 50), morphology("many", 200)])
    for outline in figure.axes[3].patches:
        heights = outline.get_xy()[:, 1]
        assert heights.max() < 0.2


def test_failed_labels_are_left_out_and_targets_marked() -> None:
    y = np.array([0.6, np.nan, 0.65, 0.7])
    distribution = LabelDistribution(
        "data-i", y, np.array([0.4, 0.5, 0.5, 0.6]), "transmission (fraction)", (0.55, 0.75)
    )
    figure = label_distribution([distribution])
    histogram, scatter = figure.axes
    assert histogram.get_title(loc="left") == "data-i · 3 simulated images"
    assert sum(bar.get_height() for bar in histogram.patches) == 3
    assert [line.get_xdata()[0] for line in histogram.lines] == [0.55, 0.75]
    assert histogram.get_xlabel() == scatter.get_ylabel().replace("\n", " ") == "simulated transmission (fraction)"
    np.testing.assert_array_equal(scatter.collections[0].get_offsets(), [[0.4, 0.6], [0.5, 0.65], [0.6, 0.7]])


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="morphology_statistics needs at least one set of images"):
        morphology_statistics([])
    with pytest.raises(ValueError, match="label_distribution needs at least one data set"):
        label_distribution([])
