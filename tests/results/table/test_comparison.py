"""Tables side by side: what is marked, what is the same, and what only one has."""

from __future__ import annotations

from dataclasses import replace

from ganmdn.targets import Target
from results.table.comparison import FIGURES, compare_tables
from results.table.json_form import JsonRow, JsonTable, json_table
from results.table.rows import TableRow


def row(method: str, target: float, mean: float | None, dataset: str = "data-ii") -> TableRow:
    interval = None if mean is None else (mean - 0.5, mean + 0.5)
    measures = (0.1 * target, mean, None if mean is None else 1.0, 0.03)
    made = TableRow(dataset, method, Target.of(target), *measures, designs=30, seeds=(1,), mean_rep_interval=interval)
    return replace(made, average_interval=interval)


def table(*rows: TableRow) -> JsonTable:
    return json_table(rows, [], {})


def test_means_whose_intervals_do_not_overlap_are_marked() -> None:
    first = table(row("gan-mdn", 0.6, 5.0), row("gan-mdn", 0.7, 5.0))
    other = table(row("gan-mdn", 0.6, 5.9), row("gan-mdn", 0.7, 6.1))
    average, near, far = compare_tables([first, other, first])
    assert (near.target, near.beyond, near.change_cell(1)) == (0.6, (None, False, False), "+0.90")
    assert (far.target, far.beyond, far.change_cell(1)) == (0.7, (None, True, False), "+1.10*")
    assert far.change_cell(2) == "same"
    assert far.cell(1, "mean_rep") == "6.10 (5.60–6.60)"
    assert (average.target, average.figures["mean_rep"]) == (None, (5.0, 6.0, 5.0))


def test_searches_are_compared_by_their_best_and_never_marked() -> None:
    found = compare_tables([table(row("search", 0.6, None)), table(row("search", 0.7, None), row("search", 0.6, None))])
    _, line, alone = found
    assert (line.judged, line.beyond, line.change(1)) == ("min_rep", (None, None), 0.0)
    assert line.cell(0, "mean_rep") == "–"
    assert (alone.target, alone.present, alone.change_cell(1)) == (0.7, (False, True), "–")


def test_lines_stand_by_data_set_and_method_whoever_has_them() -> None:
    first = table(row("a", 0.6, 5.0, "data-i"), row("a", 0.6, 5.0))
    other = table(row("b", 0.6, 5.0, "data-i"), row("a", 0.6, 5.0))
    found = compare_tables([first, other])
    assert [line.name for line in found if line.target] == ["data-i/a", "data-i/b", "data-ii/a"]
    assert [line.present for line in found if line.target] == [(True, False), (False, True), (True, True)]


def test_every_figure_is_one_of_the_table() -> None:
    assert set(FIGURES) <= set(JsonRow.model_fields)
