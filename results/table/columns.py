"""The columns that Table 1 has in every form, and the caption that explains them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from results.table.lines import NOT_APPLICABLE, Line, Measures, MethodGroup, format_figure, format_seconds
from results.table.rows import NEAR_COPIES, TableRow

GENERAL = "REP of several properties is the mean of theirs; of a range 0 within it, and outside relative to its bound."
TIMED = (
    "Time is that of producing the designs, simulation excluded; "
    "for a search that of all of it, simulations included, shared by the targets that it serves."
)
JUDGED = (
    "Oracle: mean REP of the labels nearest to the target, as many as there are designs; random label: that of all "
    "labels. Diversity: mean pairwise pixel distance of the designs over that of all labels."
)
REPEATED = (
    "Spread: standard deviation (ddof 1) of the mean REP, of a search of its best REP, between repeats with seeds of "
    "their own; the other REPs are over the designs of all repeats, times are means of the repeats."
)
BOOTSTRAPPED = (
    "95 % interval: of the mean REP, by drawing repeats, and designs within them, again with replacement; with one "
    "repeat it says nothing of other seeds."
)
COPIES = (
    f"* near-copies: designs of which some are identical, or which lie less than {NEAR_COPIES:g} times as far apart as "
    "the labels nearest to the target."
)


@dataclass(frozen=True)
class Column:
    """One column of figures: what stands above it, and its cell of a line; ``is_mean`` is that of the mean REP."""

    heading: str
    cell: Callable[[Line], str]
    is_paper: bool = False
    is_mean: bool = False
    is_of_repeats: bool = False
    is_interval: bool = False


def columns(groups: Sequence[MethodGroup]) -> list[Column]:
    """All columns right of the method; of the paper, intervals and repeats where any line has a figure for them."""
    lines = [line for group in groups for line in group.lines]
    has_paper, has_repeats = any(line.paper for line in lines), any(len(line.repeat_reps) > 1 for line in lines)
    has_intervals = any(line.interval for line in lines)
    wanted = [column for column in _all_columns() if has_paper or not column.is_paper]
    wanted = [column for column in wanted if has_intervals or not column.is_interval]
    return [column for column in wanted if has_repeats or not column.is_of_repeats]


def narrow_columns(groups: Sequence[MethodGroup]) -> list[Column]:
    """Those that fit a terminal: of the paper the mean REP alone, no intervals, failed designs instead of all.

    The spread between repeats, where there are some, takes the place of that between designs.
    """
    shown = [column for column in columns(groups) if not column.is_paper or column.heading == "mean REP, paper"]
    shown = [column for column in shown if not column.is_interval]
    if any(column.is_of_repeats for column in shown):
        shown = [column for column in shown if column.heading != "std REP"]
    failed = Column("failed", lambda line: str(line.failed or ""))
    any_failed = any(line.failed for group in groups for line in group.lines)
    return [*shown[:-1], *([failed] if any_failed else [])]


def caption(rows: Sequence[TableRow]) -> str:
    """What the figures are, what is timed, how many designs failed to simulate, and how far truncation goes."""
    designs, failed = sum(row.designs for row in rows), sum(row.failed for row in rows)
    failures = (
        f"{failed} of {designs} designs failed to simulate and count in no REP."
        if failed
        else f"All {designs} designs were simulated."
    )
    truncations = {row.dataset: row.truncation for row in rows if row.truncation}
    sentences = [error.sentence(dataset) for dataset, error in truncations.items()]
    beside = ", beside the paper's" if any(row.paper for row in rows) else ""
    meaning = f"REP (residual error percentage) in % of the target{beside}."
    names = next((" and ".join(row.reach.names) for row in rows if row.reach is not None), "")
    named = [f"Targets are of the simulated {names}."] if names else []
    return " ".join([*named, meaning, *explanations(rows), TIMED, failures, *sentences])


def explanations(rows: Sequence[TableRow]) -> Iterator[str]:
    """What stands beside the REPs, and what the mark means where one stands."""
    if any(row.target.number is None for row in rows):
        yield GENERAL
    if any(len(row.repeat_reps) > 1 for row in rows):
        yield REPEATED
    yield JUDGED
    if any(row.mean_rep_interval for row in rows):
        yield BOOTSTRAPPED
    if any(row.are_near_copies for row in rows):
        yield COPIES


def _all_columns() -> Iterator[Column]:
    yield from _pair("min REP", lambda figures: format_figure(figures.minimum_rep))
    ours, papers = _pair("mean REP", lambda figures: format_figure(figures.mean_rep))
    yield from (ours, Column("95 % interval", lambda line: line.interval_cell, is_interval=True), papers)
    yield Column("spread", lambda line: format_figure(line.spread_rep), is_of_repeats=True)
    yield Column("oracle", lambda line: format_figure(line.standing.oracle_rep))
    yield Column("random label", lambda line: format_figure(line.standing.random_rep))
    yield from _pair("std REP", lambda figures: format_figure(figures.std_rep))
    yield Column("diversity", lambda line: line.diversity_cell)
    yield from _pair("time", _time)
    yield Column("designs", lambda line: line.designs_cell)


def _pair(heading: str, cell: Callable[[Measures], str]) -> Iterator[Column]:
    yield Column(heading, lambda line: cell(line.ours), is_mean=heading == "mean REP")
    yield Column(f"{heading}, paper", lambda line: cell(line.paper) if line.paper else "", is_paper=True)


def _time(figures: Measures) -> str:
    return NOT_APPLICABLE if figures.seconds is None else format_seconds(figures.seconds)
