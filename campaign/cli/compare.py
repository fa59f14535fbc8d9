"""The command that puts finished runs beside each other."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from campaign import api
from campaign.cli.options import complain, console, plain
from campaign.cli.review import run_errors

if TYPE_CHECKING:
    from campaign.review.compare import Comparison, Setting

WIDEST_VALUE = 36  # characters of a setting
CODE_TOLD = 8  # modules
EXPLAINED = "REPs in %, mean REPs with their 95 % intervals. *: the two intervals do not overlap."


class ComparisonFormat(StrEnum):
    """How a comparison is told."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


def compare(
    runs: Annotated[list[Path], typer.Argument(help="folders of finished runs", metavar="RUN")],
    style: Annotated[ComparisonFormat, typer.Option("--format", help="how to tell it")] = ComparisonFormat.TEXT,
    output: Annotated[Path | None, typer.Option(help="file for it, in place of the screen")] = None,
) -> None:
    """Show which settings differ between runs, and their tables side by side; marks what is beyond its interval."""
    from results.files import write_atomically

    if output is not None and not output.absolute().parent.is_dir():
        complain(f"cannot write {output}: its folder does not exist; create it first")
    with run_errors():
        comparison = api.compare(runs)
        if style is ComparisonFormat.TEXT and output is None:
            console().print(_told(comparison))
            return
        text = _rendered(comparison, style)
        if output is None:
            print(text)
        else:
            write_atomically(output, text + "\n")
            console(stderr=True).print(f"comparison: {output}", soft_wrap=True)


def _rendered(comparison: Comparison, style: ComparisonFormat) -> str:
    if style is ComparisonFormat.HTML:
        from campaign.review.comparison_page import render_comparison

        return render_comparison(comparison).rstrip("\n")
    if style is ComparisonFormat.JSON:
        from dataclasses import asdict

        told = {**asdict(comparison), "only": comparison.partial, "summary": comparison.summary}
        return json.dumps(plain(told), indent=2, allow_nan=False)
    screen = console()
    with screen.capture() as capture:
        screen.print(_told(comparison))
    return capture.get().rstrip("\n")


def _told(comparison: Comparison) -> Group:
    runs = zip(comparison.letters, comparison.runs, strict=True)
    return Group(
        *(Text(f"{letter}  {run}") for letter, run in runs),
        Text(),
        *_settings("settings that differ", comparison.settings, comparison),
        *_settings("versions that differ", comparison.versions, comparison),
        Text(_code(comparison.code)),
        Text(f"{len(comparison.same_stages)} stages have the same result in all runs"),
        *(Text(sentence) for sentence in comparison.partial),
        Text(),
        *_tables(comparison),
        Text(comparison.summary),
        Text(EXPLAINED, style="dim"),
    )


def _code(modules: tuple[str, ...] | None) -> str:
    if modules is None:
        return "code of the science: cannot be compared, as a run keeps no copy of it"
    left = len(modules) - CODE_TOLD
    more = f" and {left} more" if left > 0 else ""
    return f"code of the science that differs: {', '.join(modules[:CODE_TOLD]) or 'none'}{more}"


def _settings(heading: str, settings: tuple[Setting, ...], comparison: Comparison) -> list[Table | Text]:
    from campaign.plan.why import shown

    if not settings:
        return [Text(f"{heading}: none"), Text()]
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for title in (heading, *comparison.letters):
        table.add_column(title, overflow="fold")
    for each in settings:
        values = (shown(value) for value in each.values)
        cut = (text if len(text) <= WIDEST_VALUE else f"{text[: WIDEST_VALUE - 3]}..." for text in values)
        table.add_row(each.place, *(Text(text) for text in cut))
    return [table, Text()]


def _tables(comparison: Comparison) -> list[Table | Text]:
    """One a data set: of every run its best REP and its mean REP, then how far the latter is from the first run's."""
    made: list[Table | Text] = []
    letters = comparison.letters
    for dataset in dict.fromkeys(line.dataset for line in comparison.lines):
        table = Table(box=None, padding=(0, 1), header_style="dim")
        table.add_column(f"{dataset}, mean over targets")
        for title in [f"{name} REP {letter}" for letter in letters for name in ("min", "mean")]:
            table.add_column(title, justify="right")
        for letter in letters[1:]:
            table.add_column(f"{letter} − {letters[0]}", justify="right")
        for line in (each for each in comparison.lines if each.dataset == dataset):
            name = f"  {line.target}" if line.target is not None else line.method
            cells = [line.cell(run, figure) for run in range(len(letters)) for figure in ("min_rep", "mean_rep")]
            changes = [line.change_cell(run) for run in range(1, len(letters))]
            table.add_row(name, *cells, *changes, style="bold" if line.target is None else "")
        made += [table, Text()]
    return made
