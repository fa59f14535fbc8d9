"""The paper's Table 1: complete, and in agreement with what its text says about it."""

from __future__ import annotations

import pytest

from results.table.paper import DATASETS, METHODS, published_row, published_table

TARGETS = (0.55, 0.60, 0.65, 0.70, 0.75)


def test_every_data_set_method_and_target_is_there_once() -> None:
    keys = [(row.dataset, row.method, row.target) for row in published_table()]
    assert keys == [(dataset, method, target) for dataset in DATASETS for method in METHODS for target in TARGETS]


@pytest.mark.parametrize(
    ("dataset", "method", "sums"),
    [  # sums over the five targets of min, average and standard deviation of REP, added up by hand from the paper
        ("data-i", "gan-mdn", (1.38, 43.75, 26.07)),
        ("data-i", "pca-mdn", (9.07, 61.63, 29.13)),
        ("data-i", "direct-mdn", (44.91, 95.50, 19.04)),
        ("data-ii", "gan-mdn", (2.66, 46.01, 30.65)),
        ("data-ii", "pca-mdn", (12.01, 32.90, 11.78)),
        ("data-ii", "direct-mdn", (33.19, 73.41, 17.37)),
    ],
)
def test_figures_add_up(dataset: str, method: str, sums: tuple[float, float, float]) -> None:
    rows = [row for row in published_table() if (row.dataset, row.method) == (dataset, method)]
    for name, expected in zip(("minimum_rep", "mean_rep", "std_rep"), sums, strict=True):
        assert sum(getattr(row, name) for row in rows) == pytest.approx(expected, abs=0.005)


def test_optimisation_converged_where_the_text_says() -> None:
    converged = {
        (row.dataset, row.target): row.minimum_rep
        for row in published_table()
        if row.method == "bayesian-optimization" and row.minimum_rep is not None
    }
    assert converged == {
        ("data-i", 0.60): 1.08,
        ("data-i", 0.65): 3.38,
        ("data-ii", 0.55): 15.51,
        ("data-ii", 0.65): 1.21,
    }


def test_hours_are_seconds_and_their_text_is_kept() -> None:
    row = published_row("data-ii", "bayesian-optimization", 0.70)
    assert row is not None
    assert (row.seconds, row.time_as_printed, row.mean_rep) == (18.8 * 3600, "18.8h", None)
    for row in published_table():
        unit = 3600 if row.time_as_printed.endswith("h") else 1
        assert row.seconds == pytest.approx(float(row.time_as_printed[:-1]) * unit)


def test_methods_that_the_paper_lacks_have_no_row() -> None:
    assert published_row("data-i", "authors-mdn", 0.55) is None
    assert published_row("data-i", "gan-mdn", 0.57) is None
