"""Table 1 of a campaign as CSV, Markdown, LaTeX and on the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from rich import box
from rich.console import Group as RichGroup
from rich.table import Table as RichTable
from rich.text import Text

from results.files import write_atomically
from results.paper import PaperRow, published_row
from results.tables import MEASURES, Line, MethodGroup, TableRow, caption, method_groups
from results.truncation import TruncationError

TRUNCATION_COLUMNS = tuple(f"truncation_{field.name}" for field in fields(TruncationError))
TRUNCATION_COUNTS = 4  # the first columns hold whole numbers
LATEX_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "·": r"$\cdot$",
}


def to_csv(rows: Sequence[TableRow]) -> str:
    """Tidy CSV: one line per data set, method and target, ours and the paper's figures as columns, no averages.

    The last columns tell what the truncation of the data set's labels leaves out; see ``TruncationError``.
    """
    names = ("minimum_rep_percent", "mean_rep_percent", "std_rep_percent", "seconds")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    paper_names = [f"paper_{name}" for name in names]
    writer.writerow(["dataset", "method", "target", *names, "designs", "failed", *paper_names, *TRUNCATION_COLUMNS])
    for row in rows:
        paper = published_row(row.dataset, row.method, row.target)
        truncation = astuple(row.truncation) if row.truncation else [None] * len(TRUNCATION_COLUMNS)
        writer.writerow(
            [row.dataset, row.method, row.target, *_values(row), row.designs, row.failed, *_values(paper), *truncation]
        )
    return out.getvalue()


def from_csv(text: str) -> list[TableRow]:
    """Our rows of a table that :func:`to_csv` wrote."""
    return [
        TableRow(
            dataset=line["dataset"],
            method=line["method"],
            target=float(line["target"]),
            minimum_rep=_number(line["minimum_rep_percent"]),
            mean_rep=_number(line["mean_rep_percent"]),
            std_rep=_number(line["std_rep_percent"]),
            seconds=float(line["seconds"]),
            designs=int(line["designs"]),
            failed=int(line["failed"]),
            truncation=_truncation(line),
        )
        for line in csv.DictReader(io.StringIO(text))
    ]


def to_markdown(rows: Sequence[TableRow]) -> str:
    """Markdown table (GitHub flavour) with the caption below; the best average mean REP of a data set is bold."""
    header = ["data set", "method", "target", *_measure_headers(), "designs"]
    lines = [_markdown_line(header), _markdown_line(["---"] * 3 + ["---:"] * (len(header) - 3))]
    for group in method_groups(rows):
        for line in group.printed:
            cells = [group.dataset, group.method, line.label, *line.cells(), line.designs_cell]
            lines.append(_markdown_line(_emphasised(cells, group, line, "**{}**".format)))
    return "\n".join(lines) + f"\n\n{caption(rows)}\n"


def to_latex(rows: Sequence[TableRow]) -> str:
    """LaTeX table for the package booktabs."""
    body: list[str] = []
    for group in method_groups(rows):
        title = _latex(f"{group.dataset} · {group.method}")
        body.append(rf"\midrule \multicolumn{{10}}{{l}}{{\textbf{{{title}}}}} \\")
        for line in group.printed:
            cells = [_latex(cell) for cell in (line.label, *line.cells(), line.designs_cell)]
            body.append(" & ".join(_emphasised(cells, group, line, r"\textbf{{{}}}".format)) + r" \\")
    spans = " & ".join(rf"\multicolumn{{2}}{{c}}{{{measure}}}" for measure in MEASURES)
    rules = " ".join(rf"\cmidrule(lr){{{first}-{first + 1}}}" for first in (2, 4, 6, 8))
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(caption(rows))}}}",
            r"\begin{tabular}{l*{8}{r}r}",
            r"\toprule",
            rf" & {spans} & \\",
            rules,
            "target & " + " & ".join(["ours & paper"] * len(MEASURES)) + r" & designs \\",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def to_rich(rows: Sequence[TableRow]) -> RichGroup:
    """For the terminal, 100 columns wide: one table per data set and the caption."""
    groups = method_groups(rows)
    datasets = dict.fromkeys(group.dataset for group in groups)
    tables = [_rich_table(dataset, [group for group in groups if group.dataset == dataset]) for dataset in datasets]
    return RichGroup(*tables, Text(caption(rows), style="dim"))


def write_tables(rows: Sequence[TableRow], folder: Path | str, name: str = "table1") -> list[Path]:
    """Write NAME.csv, NAME.md and NAME.tex into ``folder``; the paths written."""
    writers: dict[str, Callable[[Sequence[TableRow]], str]] = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
    paths = [Path(folder) / f"{name}.{suffix}" for suffix in writers]
    for path, render in zip(paths, writers.values(), strict=True):
        write_atomically(path, render(rows))
    return paths


def _truncation(line: Mapping[str, str]) -> TruncationError | None:
    cells = [line[name] for name in TRUNCATION_COLUMNS]
    if not cells[0]:
        return None
    counts, figures = cells[:TRUNCATION_COUNTS], cells[TRUNCATION_COUNTS:]
    return TruncationError(*map(int, counts), *map(_number, figures))


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def _values(row: TableRow | PaperRow | None) -> list[float | None]:
    return [row.minimum_rep, row.mean_rep, row.std_rep, row.seconds] if row else [None] * len(MEASURES)


def _measure_headers() -> Iterator[str]:
    for measure in MEASURES:
        yield f"{measure}, ours"
        yield f"{measure}, paper"


def _emphasised(cells: Sequence[str], group: MethodGroup, line: Line, emphasise: Callable[[str], str]) -> list[str]:
    """The cells, our mean REP emphasised where it is the best average of its data set."""
    mean = line.ours.formatted()[1]
    if not (group.best and line is group.printed[-1]):
        return list(cells)
    position = len(cells) - 9 + MEASURES.index("mean REP") * 2  # nine last cells: ours, paper x 4, designs
    return [emphasise(mean) if index == position else cell for index, cell in enumerate(cells)]


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(character, character) for character in text)


def _rich_table(dataset: str, groups: Sequence[MethodGroup]) -> RichTable:
    """One line with the averages per method, its targets indented below: all of it in 100 columns."""
    table = RichTable(title=dataset, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.collapse_padding, table.pad_edge = True, False
    table.add_column("\nmethod, mean over targets", no_wrap=True)
    for measure in MEASURES:
        table.add_column(f"{measure}\nours", justify="right", no_wrap=True)
        table.add_column("\npaper", justify="right", no_wrap=True, style="dim")
    table.add_column("\nfailed", justify="right", no_wrap=True)
    for group in groups:
        table.add_row(group.method, *_rich_cells(group.average), style="bold" if group.best else "")
        for line in group.lines:
            table.add_row(f"  {line.label}", *_rich_cells(line), end_section=line is group.lines[-1])
    return table


def _rich_cells(line: Line) -> list[str]:
    return [*line.cells(), str(line.failed or "")]
