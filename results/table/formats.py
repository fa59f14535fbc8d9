"""Table 1 of a campaign as Markdown, LaTeX and on the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Group as RichGroup
from rich.table import Table as RichTable
from rich.text import Text

from results.files import write_atomically
from results.table.columns import Column, caption, columns, explanations, narrow_columns
from results.table.csv_form import to_csv
from results.table.json_form import JsonTable
from results.table.lines import Line, MethodGroup, method_groups
from results.table.reach import Reach
from results.table.rows import TableRow
from results.table.verdict import verdict
from results.wanted import in_words

LATEX_HEAD = r"""% needs \usepackage{booktabs,longtable}
\begingroup
\scriptsize
\setlength{\tabcolsep}{3pt}
\begin{longtable}{l*{COLUMNS}{r}}
\caption{CAPTION} \\
\toprule
HEADINGS \\
\midrule
\endfirsthead
\toprule
HEADINGS \\
\midrule
\endhead
\bottomrule
\endlastfoot"""
LATEX_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "·": r"$\cdot$",
}
NARROW = {"random label": "random\nlabel", "mean REP, paper": "\npaper"}  # headings on the terminal


def to_markdown(rows: Sequence[TableRow]) -> str:
    """Markdown (GitHub flavour): what could be reached, the table, the caption.

    The best average mean REP of a data set is bold, a baseline's name is italic.
    """
    groups = method_groups(rows)
    shown = columns(groups)
    header = ["data set", "method", "target", *(column.heading for column in shown)]
    lines = [_markdown_line(header), _markdown_line(["---"] * 3 + ["---:"] * len(shown))]
    for group in groups:
        method = f"*{group.method}*" if group.is_baseline else group.method
        for line in group.printed:
            cells = _cells(shown, group, line, "**{}**".format)
            lines.append(_markdown_line([group.dataset, method, line.label, *cells]))
    return "\n".join([*_reach_lines(rows), "", *lines]) + f"\n\n{caption(rows)}\n"


def to_latex(rows: Sequence[TableRow]) -> str:
    """LaTeX table by booktabs and longtable, over as many pages as it needs; its caption says what could be reached."""
    groups = method_groups(rows)
    shown = columns(groups)
    body: list[str] = []
    for group in groups:
        title = _latex(f"{group.dataset} · {group.method}" + (" (baseline)" if group.is_baseline else ""))
        body.append(r"\midrule" if body else "%")
        body.append(rf"\multicolumn{{{len(shown) + 1}}}{{l}}{{\textbf{{{title}}}}} \\*")
        for line in group.printed:
            cells = _cells(shown, group, line, r"\textbf{{{}}}".format, _latex)
            body.append(" & ".join([_latex(line.label), *cells]) + r" \\")
    parts = {
        "COLUMNS": str(len(shown)),
        "CAPTION": _latex(" ".join([*_reach_lines(rows), caption(rows)])),
        "HEADINGS": " & ".join(["target", *(_latex_heading(column.heading) for column in shown)]),
    }
    head = re.sub("|".join(parts), lambda found: parts[found[0]], LATEX_HEAD)
    return "\n".join([head, *body, r"\end{longtable}", r"\endgroup", ""])


def to_rich(rows: Sequence[TableRow]) -> RichGroup:
    """For the terminal, 100 columns wide: per data set its reach and a table, then a footnote with the verdict."""
    groups = method_groups(rows)
    parts: list[Text | RichTable] = []
    for dataset, reach in _reaches(rows).items():
        own = [group for group in groups if group.dataset == dataset]
        parts.append(Text(dataset, style="bold"))
        if reach is not None:
            parts.append(Text(_reach_line(reach)))
        parts.append(_rich_table(own))
    judged = verdict(rows, [reach for reach in _reaches(rows).values() if reach is not None])
    parts.append(Text(" ".join(["REPs in %.", *explanations(rows)]), style="dim"))
    parts.append(Text(f"\n{judged.opening} {' '.join(judged.best)}"))
    parts += [Text(f"! {each}", style="red") for each in judged.warnings]
    return RichGroup(*parts)


def reach_to_rich(table: JsonTable) -> RichGroup:
    """What the labels of a campaign without methods reach, for the terminal."""
    parts: list[Text | RichTable] = []
    for dataset, reach in table.reach.items():
        if reach.lowest is None or reach.highest is None:
            parts.append(Text(f"No label of {dataset} is known."))
            continue
        spans = ((reach.lowest, 3), (reach.highest, 3), (reach.standard_deviation, 4))
        low, high, deviation = (in_words(np.ravel(np.array(figures)).tolist(), decimals) for figures, decimals in spans)
        change = table.truncation[dataset].mean_change
        moved = f"; more orders move them by {change:.4f} on average" if change is not None else ""
        reached = f"reach from {low} to {high} (standard deviation {deviation}){moved}."
        parts.append(Text(f"The labels of {dataset} {reached}"))
        grid = RichTable("target", "labels within 1 %", "", box=box.SIMPLE_HEAD)
        for target, share in reach.share_within_1_percent.items():
            outside = Text("outside the labels" if target in reach.outside else "", style="red")
            grid.add_row(target, "" if share is None else f"{100 * share:.1f} %", outside)
        parts.append(grid)
    parts.append(Text("No method was asked for; the report shows the labels and the images behind them."))
    return RichGroup(*parts)


def write_tables(rows: Sequence[TableRow], folder: Path | str, name: str = "table1") -> list[Path]:
    """Write NAME.csv, NAME.md and NAME.tex into ``folder``; the paths written."""
    writers: dict[str, Callable[[Sequence[TableRow]], str]] = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
    paths = [Path(folder) / f"{name}.{suffix}" for suffix in writers]
    for path, render in zip(paths, writers.values(), strict=True):
        write_atomically(path, render(rows))
    return paths


def _reaches(rows: Sequence[TableRow]) -> dict[str, Reach | None]:
    return {row.dataset: row.reach for row in rows}


def _reach_lines(rows: Sequence[TableRow]) -> Iterator[str]:
    """What could be reached on every data set, a line each."""
    for reach in _reaches(rows).values():
        if reach is not None:
            yield _reach_line(reach)


def _reach_line(reach: Reach) -> str:
    shares = [
        f"{each.target.label}: {100 * each.share_within_1_percent:.1f} %"
        for each in reach.targets
        if each.share_within_1_percent is not None
    ]
    within = f"Share within 1 % of {', '.join(shares)}." if shares else ""
    return " ".join(filter(None, [reach.sentence(), within, reach.outside_sentence()]))


def _cells(
    shown: Sequence[Column],
    group: MethodGroup,
    line: Line,
    emphasise: Callable[[str], str],
    escape: Callable[[str], str] = str,
) -> Iterator[str]:
    """Cells of a line; our mean REP is emphasised where it is the best average of its data set."""
    for column in shown:
        cell = escape(column.cell(line))
        is_best = group.best and line is group.printed[-1] and column.is_mean
        yield emphasise(cell) if is_best else cell


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(character, character) for character in text)


def _latex_heading(text: str) -> str:
    """Its words above each other, which leaves room for all columns."""
    words = _latex(text).replace(r" \%", r"~\%").split()
    return r"\shortstack[r]{" + r"\\".join(words) + "}"


def _rich_table(groups: Sequence[MethodGroup]) -> RichTable:
    """One line with the averages per method, its targets indented below."""
    table = RichTable(box=box.SIMPLE_HEAD)
    table.collapse_padding, table.pad_edge = True, False
    table.add_column("\nmethod, mean over targets", no_wrap=True)
    shown = narrow_columns(groups)
    for column in shown:
        heading = NARROW.get(column.heading, column.heading.replace(" REP", "\nREP"))
        heading = heading if "\n" in heading else f"\n{heading}"
        table.add_column(heading, justify="right", no_wrap=True, style="dim" if column.is_paper else "")
    for group in groups:
        style = "italic" if group.is_baseline else "bold" if group.best else ""
        name = f"{group.method} (baseline)" if group.is_baseline else group.method
        table.add_row(name, *(column.cell(group.average) for column in shown), style=style)
        for line in group.lines:
            cells = (column.cell(line) for column in shown)
            table.add_row(f"  {line.label}", *cells, end_section=line is group.lines[-1])
    return table
