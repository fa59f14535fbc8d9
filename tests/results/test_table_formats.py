"""The same rows as CSV, Markdown, LaTeX and on the terminal."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console

from results.paper import METHODS
from results.table_formats import to_csv, to_latex, to_markdown, to_rich, write_tables
from results.tables import TableRow

TARGETS = (0.55, 0.60, 0.65, 0.70, 0.75)


@pytest.fixture
def rows() -> list[TableRow]:
    """Four methods of the paper and one that it lacks; three designs of one target failed."""
    searches = {"bayesian-optimization"}
    return [
        TableRow(
            dataset="data-ii",
            method=method,
            target=target,
            minimum_rep=0.123,
            mean_rep=None if method in searches else 5.0 + number,
            std_rep=None if method in searches else 3.0,
            seconds=1234.5 if method in searches else 0.035,
            designs=1 if method in searches else 30,
            failed=3 if (method, target) == ("pca-mdn", 0.75) else 0,
        )
        for number, method in enumerate([*METHODS, "my_method"])
        for target in TARGETS
    ]


def test_csv_is_tidy(rows: list[TableRow]) -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert len(lines) == len(rows)
    first = lines[0]
    assert (first["dataset"], first["method"], float(first["target"])) == ("data-ii", "gan-mdn", 0.55)
    assert float(first["mean_rep_percent"]) == 5.0
    assert float(first["paper_mean_rep_percent"]) == 16.19
    search = lines[3 * 5]
    assert (search["mean_rep_percent"], search["paper_minimum_rep_percent"]) == ("", "15.51")
    assert lines[-1]["paper_seconds"] == ""


def test_markdown_has_equal_columns_and_a_caption(rows: list[TableRow]) -> None:
    text = to_markdown(rows)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {13}
    assert len(table) == 2 + 5 * 6
    assert "| data-ii | gan-mdn | average | 0.12 | 0.53 | **5.00** | 9.20 |" in text
    assert text.count("**") == 2
    assert "30 (3 failed)" in text
    assert "3 of 605 designs failed" in text


def test_latex_is_booktabs_and_escaped(rows: list[TableRow]) -> None:
    text = to_latex(rows)
    for command in (r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}", r"\textbf{5.00}", r"my\_method"):
        assert command in text
    body = [line for line in text.splitlines() if line.endswith(r"\\") and " & " in line]
    assert {line.count(" & ") for line in body if "multicolumn" not in line} == {9}
    assert "%" not in text.replace(r"\%", "").replace("% needs", "")


@pytest.mark.parametrize("width", [100, 120])
def test_the_terminal_table_fits_and_cuts_nothing(rows: list[TableRow], width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(to_rich(rows))
    text = console.export_text()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text
    for shown in ("bayesian-optimization", "21 min", "18.8 h", "0.75", "mean REP", "3 of 605 designs failed"):
        assert shown in text


def test_three_files_are_written(rows: list[TableRow], tmp_path: Path) -> None:
    paths = write_tables(rows, tmp_path)
    assert [path.name for path in paths] == ["table1.csv", "table1.md", "table1.tex"]
    assert paths[0].read_text(encoding="utf-8") == to_csv(rows)
    assert len(list(tmp_path.iterdir())) == 3
