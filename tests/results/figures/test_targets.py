"""Achieved property and optimisation history: the points drawn are the points given."""

from __future__ import annotations

import numpy as np
import pytest

from ganmdn.targets import Target
from results.figures.targets import Achieved, SearchHistory, achieved_against_target, optimization_history

AXIS = "transmission (fraction of the light)"


def test_every_simulated_design_is_a_point_near_its_target() -> None:
    values = np.array([0.62, np.nan, 0.58, 0.6])
    samples = [
        Achieved("data-i", "gan-mdn", Target.of(0.6), values),
        Achieved("data-i", "pca-mdn", Target.of(0.7), values + 0.1),
    ]
    (axes,) = achieved_against_target(samples, [AXIS]).axes
    drawn = [np.asarray(points.get_offsets()) for points in axes.collections if len(points.get_offsets()) == 3]
    assert len(drawn) == 2
    for number, points in enumerate(drawn):
        np.testing.assert_allclose(np.sort(points[:, 1]), np.array([0.58, 0.6, 0.62]) + 0.1 * number)
        assert (np.abs(points[:, 0] - number) < 0.46).all()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.60", "0.70"]
    assert axes.get_xlabel() == f"target {AXIS}"
    assert axes.get_ylabel().replace("\n", " ") == f"simulated {AXIS}"


def test_every_property_has_a_panel_and_ranges_are_bands() -> None:
    target = Target.parse("0.3,0.5..")
    sample = Achieved("data-i", "gan-mdn", target, np.array([[0.31, 0.4], [0.29, 0.9]]))
    first, second = achieved_against_target([sample], ["reflection (fraction)", "absorption (fraction)"]).axes
    assert [axes.get_ylabel().replace("\n", " ") for axes in (first, second)] == [
        "simulated reflection (fraction)",
        "simulated absorption (fraction)",
    ]
    drawn = [np.asarray(points.get_offsets()) for points in second.collections if len(points.get_offsets()) == 2]
    np.testing.assert_allclose(np.sort(drawn[0][:, 1]), [0.4, 0.9])
    assert [tuple(line.get_ydata()) for line in second.lines] == [(0.5, 0.5)]
    band = second.collections[-1].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == (0.5, second.get_ylim()[1])
    assert [label.get_text() for label in second.get_xticklabels()] == ["0.30,\n≥ 0.50"]


def test_names_of_properties_lie_within_the_figure() -> None:
    """They may take two lines beside a panel."""
    sample = Achieved("d", "gan-mdn", Target.of(0.6), np.array([0.6]))
    figure = achieved_against_target([sample], ["absorption of the film (fraction of the light)"])
    figure.draw_without_rendering()
    (axes,) = figure.axes
    box = axes.yaxis.label.get_window_extent()
    assert "\n" in axes.get_ylabel()
    assert (box.x0 >= 0, box.y0 >= 0, box.y1 <= figure.bbox.y1) == (True, True, True)


def test_strips_of_two_methods_do_not_overlap() -> None:
    values = np.linspace(0.5, 0.7, 30)
    (axes,) = achieved_against_target(
        [Achieved("d", method, Target.of(0.6), values) for method in ("gan-mdn", "pca-mdn")], [AXIS]
    ).axes
    left, right = [
        np.asarray(points.get_offsets())[:, 0] for points in axes.collections if len(points.get_offsets()) == 30
    ]
    assert left.max() < right.min()


def test_data_sets_are_panels_and_one_that_failed_is_empty() -> None:
    figure = achieved_against_target(
        [
            Achieved("data-i", "gan-mdn", Target.of(0.6), np.array([0.6])),
            Achieved("data-ii", "gan-mdn", Target.of(0.6), np.array([np.nan])),
        ],
        [AXIS],
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["data-i", "data-ii"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["gan-mdn", "median", "target ± 5 %, or range"]


def test_the_best_so_far_never_rises_and_skips_failures() -> None:
    rep = np.array([5.0, np.nan, 2.0, 4.0, 0.5])
    figure = optimization_history([SearchHistory("data-i", Target.of(0.6), rep, initial=2)])
    (axes,) = figure.axes
    best = next(line for line in axes.lines if line.get_label() == "best so far")
    np.testing.assert_array_equal(best.get_ydata(), [5.0, 5.0, 2.0, 2.0, 0.5])
    suggested = next(points for points in axes.collections if points.get_label() == "suggested design")
    np.testing.assert_array_equal(np.asarray(suggested.get_offsets())[:, 0], [3, 4, 5])
    assert axes.get_yscale() == "log"


def test_rows_are_data_sets_and_columns_targets() -> None:
    histories = [
        SearchHistory(d, Target.of(t), np.array([1.0, 0.5])) for d in ("data-i", "data-ii") for t in (0.55, 0.6, 0.65)
    ]
    figure = optimization_history(histories[:-1])
    assert len(figure.axes) == 6
    assert [axes.axison for axes in figure.axes] == [True] * 5 + [False]
    assert figure.axes[3].get_ylabel() == "data-ii\nREP (%)"


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="optimization_history needs at least one search"):
        optimization_history([])
    with pytest.raises(ValueError, match="achieved_against_target needs the designs of at least one method"):
        achieved_against_target([], [AXIS])
