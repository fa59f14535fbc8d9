"""Tables of several runs side by side, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from results.table.bootstrap import Interval
from results.table.json_form import JsonAverage, JsonRow, JsonTable
from results.table.lines import NOT_APPLICABLE, format_figure

FIGURES = {  # of a line, by their names in table1.json: how they are called
    "min_rep": "min REP",
    "mean_rep": "mean REP",
    "std_rep": "std REP",
    "spread_rep": "spread",
    "oracle_rep": "oracle",
    "diversity": "diversity",
    "designs": "designs",
    "failed": "failed",
    "labels": "labels",
    "simulations": "simulations",
    "design_seconds": "seconds",
}


@dataclass(frozen=True)
class ComparedLine:
    """One method for one target, or on average (None), in every run.

    Attributes
    ----------
    present
        Which runs have such a line.
    figures
        By name, one a run; None where a run has none.
    intervals
        Of the mean REP, one a run.
    beyond
        Whether a run's mean REP lies beyond the first run's: whether the two intervals do not overlap. None for the
        first, and where one of them has no interval.
    """

    dataset: str
    method: str
    target: float | str | None
    present: tuple[bool, ...]
    figures: dict[str, tuple[Any, ...]]
    intervals: tuple[Interval | None, ...]
    beyond: tuple[bool | None, ...]

    @property
    def name(self) -> str:
        """For example ``data-ii/gan-mdn``, the method that it belongs to."""
        return f"{self.dataset}/{self.method}"

    @property
    def judged(self) -> str:
        """The figure that runs are compared by: the mean REP, of a search its best."""
        return "mean_rep" if any(value is not None for value in self.figures["mean_rep"]) else "min_rep"

    def change(self, run: int) -> float | None:
        """How far that figure is from the first run's; None where one of them has none."""
        first, other = self.figures[self.judged][0], self.figures[self.judged][run]
        return None if first is None or other is None else other - first

    def change_cell(self, run: int) -> str:
        """The same as printed, marked where it is beyond the intervals."""
        change = self.change(run)
        if change == 0:
            return "same"
        return NOT_APPLICABLE if change is None else f"{change:+.2f}{'*' if self.beyond[run] else ''}"

    def cell(self, run: int, figure: str) -> str:
        """A figure as printed; of a mean REP with its interval."""
        value, interval = self.figures[figure][run], self.intervals[run]
        text = str(value) if isinstance(value, int) else format_figure(value)
        if figure != "mean_rep" or interval is None:
            return text
        return f"{text} ({'–'.join(map(format_figure, interval))})"


def compare_tables(tables: Sequence[JsonTable]) -> tuple[ComparedLine, ...]:
    """Every line that any of the tables has, method by method, its average first."""
    lines = [{(each.dataset, each.method, _target(each)): each for each in _lines(table)} for table in tables]
    keys = dict.fromkeys(key for own in lines for key in own)
    methods = dict.fromkeys(key[:2] for key in keys)
    datasets = list(dict.fromkeys(dataset for dataset, _ in methods))
    order = {method: place for place, method in enumerate(sorted(methods, key=lambda each: datasets.index(each[0])))}
    ordered = sorted(keys, key=lambda key: (order[key[:2]], *_place(key[2])))
    return tuple(_compared(key, [own.get(key) for own in lines]) for key in ordered)


def _lines(table: JsonTable) -> Iterator[JsonRow | JsonAverage]:
    yield from table.averages
    yield from table.rows


def _target(line: JsonRow | JsonAverage) -> float | str | None:
    return line.target if isinstance(line, JsonRow) else None


def _place(target: float | str | None) -> tuple[int, float]:
    """Averages first, then numbers from the lowest up, then ranges and several properties as the tables have them."""
    return (0, 0.0) if target is None else (2, 0.0) if isinstance(target, str) else (1, target)


def _compared(key: tuple[str, str, float | str | None], lines: Sequence[JsonRow | JsonAverage | None]) -> ComparedLine:
    intervals = tuple(None if line is None else line.mean_rep_interval for line in lines)
    return ComparedLine(
        *key,
        present=tuple(line is not None for line in lines),
        figures={name: tuple(getattr(line, name, None) for line in lines) for name in FIGURES},
        intervals=intervals,
        beyond=(None, *(_are_apart(intervals[0], each) for each in intervals[1:])),
    )


def _are_apart(first: Interval | None, other: Interval | None) -> bool | None:
    if first is None or other is None:
        return None
    return first[1] < other[0] or other[1] < first[0]
