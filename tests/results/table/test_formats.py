"""The same rows as Markdown, LaTeX and on the terminal."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ganmdn.targets import Target
from results.table.csv_form import to_csv
from results.table.formats import to_latex, to_markdown, to_rich, write_tables
from results.table.paper import METHODS
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow

TARGETS = (0.55, 0.60, 0.65, 0.70, 0.75)
REACH = Reach(
    *("data-ii", 4000, (0.482,), (0.741,), (0.031,)),
    tuple(TargetReach(Target.of(target), 0.05, 1.17, 9.0, 0.3) for target in TARGETS),
    distance=0.4,
)


@pytest.fixture
def rows() -> list[TableRow]:
    """Four methods of the paper, one that it lacks and a baseline; three designs of one target failed."""
    searches = {"bayesian-optimization"}
    return [
        TableRow(
            dataset="data-ii",
            method=method,
            target=Target.of(target),
            minimum_rep=0.123,
            mean_rep=None if method in searches else 5.0 + number,
            std_rep=None if method in searches else 3.0,
            seconds=1234.5 if method in searches else 0.035,
            designs=1 if method in searches else 30,
            failed=3 if (method, target) == ("pca-mdn", 0.75) else 0,
            reach=REACH,
            distance=None if method in searches else 0.14 if method == "direct-mdn" else 0.36,
            mean_rep_interval=None if method in searches else (4.5 + number, 5.75 + number),
            average_interval=None if method in searches else (4.75 + number, 5.5 + number),
        )
        for number, method in enumerate([*METHODS, "my_method", "nearest-labels"])
        for target in TARGETS
    ]


def shown(rows: list[TableRow], width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(to_rich(rows))
    return console.export_text()


def test_markdown_has_equal_columns_and_a_caption(rows: list[TableRow]) -> None:
    text = to_markdown(rows)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {17}
    assert len(table) == 2 + 6 * 6
    assert "| data-ii | gan-mdn | average | 0.12 | 0.53 | **5.00** | 4.75–5.50 | 9.20 | 1.17 | 9.00 | 3.00 |" in text
    assert text.count("**") == 2
    assert "| data-ii | *nearest-labels* | 0.55 |" in text
    assert "30 (3 failed)" in text
    assert "3 of 755 designs failed" in text


def test_what_could_be_reached_stands_before_any_rep(rows: list[TableRow]) -> None:
    reach = "The 4,000 labels of data-ii reach from 0.482 to 0.741 (standard deviation 0.0310)."
    outside = "Target 0.75 lies outside the labels of data-ii, 0.482 to 0.741."
    for text in (to_markdown(rows), to_latex(rows).replace("\\%", "%"), " ".join(shown(rows, 100).split())):
        assert text.index(reach) < text.index("min")
        assert text.index("0.55: 5.0 %") < text.index(outside)


def test_near_copies_are_marked_and_explained(rows: list[TableRow]) -> None:
    text = to_markdown(rows)
    assert "0.35*" in next(line for line in text.splitlines() if "direct-mdn" in line)
    assert text.count("0.35*") == 6
    assert "near-copies: designs of which some are identical" in text
    assert "near-copies" not in to_markdown([row for row in rows if row.method != "direct-mdn"])


def test_columns_of_the_paper_stand_beside_its_own_data_alone(rows: list[TableRow]) -> None:
    own = [replace(row, published=False) for row in rows]
    for text in (to_markdown(own), to_latex(own), shown(own, 100)):
        assert "paper" not in text
    assert "paper" in shown(rows, 100)


def test_latex_is_booktabs_and_escaped(rows: list[TableRow]) -> None:
    text = to_latex(rows)
    for command in (r"\toprule", r"\midrule", r"\bottomrule", r"\end{longtable}", r"\textbf{5.00}", r"my\_method"):
        assert command in text
    body = [line for line in text.splitlines() if line.endswith(r"\\") and " & " in line]
    assert {line.count(" & ") for line in body if "multicolumn" not in line} == {13}
    assert "%" not in text.replace(r"\%", "").replace("% needs", "").replace("\n%\n", "\n")


def test_latex_compiles_and_fits_the_page(rows: list[TableRow], tmp_path: Path) -> None:
    latex = shutil.which("pdflatex")
    if latex is None or subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True).returncode:
        pytest.skip("needs LaTeX with booktabs: `make debian` installs Debian's texlive-latex-recommended")
    odd = [replace(row, method="a_b%&#$~^{}|<>", repeat_reps=(4.0, 6.0)) for row in rows[:5]]
    (tmp_path / "table1.tex").write_text(to_latex([*rows, *odd]), encoding="utf-8")
    packages = r"\usepackage[a4paper,margin=2cm]{geometry}\usepackage{booktabs,longtable}"
    body = r"\input{table1}\typeout{line is \the\linewidth}"
    (tmp_path / "paper.tex").write_text(rf"\documentclass{{article}}{packages}\begin{{document}}{body}\end{{document}}")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    for _ in range(2):  # longtable measures its columns in the first pass
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
    widths = re.findall(r"LT@entry\s*{\d+}{([\d.]+)pt}", (tmp_path / "paper.aux").read_text())
    [line] = re.findall(r"line is ([\d.]+)pt", done.stdout)
    assert len(widths) == 15
    assert sum(map(float, widths)) <= float(line)


@pytest.mark.parametrize("repeat_reps", [(), (4.0, 6.0, 5.0)])
@pytest.mark.parametrize("width", [100, 120])
def test_the_terminal_table_fits_and_cuts_nothing(
    rows: list[TableRow], width: int, repeat_reps: tuple[float, ...]
) -> None:
    text = shown([replace(row, repeat_reps=repeat_reps) for row in rows], width)
    assert ("spread" in text) == bool(repeat_reps)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text
    for each in ("bayesian-optimization", "21 min", "0.75", "oracle", "random", "diversity", "0.35*", "(baseline)"):
        assert each in text


def test_the_terminal_ends_with_the_verdict(rows: list[TableRow]) -> None:
    text = " ".join(shown(rows, 100).split())
    assert "This run's result is fair. data-ii is fair: gan-mdn comes closest, mean REP 5.00 % over 5 targets" in text
    assert text.index("! Target 0.75 lies outside the labels") > text.index("This run's result")


def test_three_files_are_written(rows: list[TableRow], tmp_path: Path) -> None:
    paths = write_tables(rows, tmp_path)
    assert [path.name for path in paths] == ["table1.csv", "table1.md", "table1.tex"]
    assert paths[0].read_text(encoding="utf-8") == to_csv(rows)
    assert len(list(tmp_path.iterdir())) == 3
