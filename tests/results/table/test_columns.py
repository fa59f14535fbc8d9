"""The caption: what is timed, what failed, what stands beside the REPs."""

from __future__ import annotations

from typing import Any

from ganmdn.targets import Target
from results.table.columns import caption, columns, narrow_columns
from results.table.lines import method_groups
from results.table.rows import TableRow


def row(**changes: Any) -> TableRow:
    return TableRow("data-ii", "gan-mdn", Target.of(0.55), 0.5, 6.0, 3.0, 0.035, 30, **changes)


def test_the_caption_says_what_is_timed_and_what_failed() -> None:
    assert "simulation excluded; for a search that of all of it" in caption([row()])
    assert "All 30 designs were simulated." in caption([row()])
    assert "2 of 60 designs failed to simulate and count in no REP." in caption([row(failed=2), row()])
    assert "beside the paper's" in caption([row()])
    assert "paper" not in caption([row(published=False)])


def test_a_method_that_the_paper_lacks_has_blank_cells_beside_one_that_it_has() -> None:
    other = TableRow("data-ii", "authors-mdn", Target.of(0.55), 0.5, None, None, 0.035, 1)
    groups = method_groups([row(), other])
    first, second = ([column.cell(group.lines[0]) for column in columns(groups)] for group in groups)
    assert first == ["0.50", "1.25", "6.00", "16.19", "–", "–", "3.00", "8.96", "–", "35 ms", "9.7 s", "30"]
    assert second == ["0.50", "", "–", "", "–", "–", "–", "", "–", "35 ms", "", "1"]


def test_the_terminal_names_failed_designs_where_there_are_any() -> None:
    assert [column.heading for column in narrow_columns(method_groups([row(failed=2)]))][-1] == "failed"
    assert [column.heading for column in narrow_columns(method_groups([row()]))] == [
        "min REP", "mean REP", "mean REP, paper", "oracle", "random label", "std REP", "diversity", "time",
    ]  # fmt: skip


def test_repeats_have_a_column_where_there_are_several() -> None:
    repeated = row(repeat_reps=(5.0, 7.0))
    single = TableRow("data-ii", "nearest-labels", Target.of(0.55), 0.5, 6.0, 3.0, 0.035, 30, repeat_reps=(6.0,))
    groups = method_groups([repeated, single])
    (spread,) = [column for column in columns(groups) if column.heading == "spread"]
    assert [spread.cell(group.lines[0]) for group in groups] == ["1.41", "–"]
    assert "Spread: standard deviation" in caption([repeated, single])
    narrow = [column.heading for column in narrow_columns(groups)]
    assert "spread" in narrow
    assert "std REP" not in narrow
    assert not any(column.is_of_repeats for column in columns(method_groups([single])))
    assert "Spread" not in caption([single])
