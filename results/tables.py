"""Table 1 of a campaign: tidy rows, grouped by data set and method, averaged, and set beside the paper's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from results.paper import PaperRow, published_row
from results.truncation import TruncationError

TIMED = (
    "Time is that of producing the designs, simulation excluded; "
    "for Bayesian optimisation that of the whole search, simulations included."
)
MEASURES = ("min REP", "mean REP", "std REP", "time")
NOT_APPLICABLE = "–"
# Below the first figure (seconds) a time is printed in units of the second.
TIME_UNITS = ((0.9995, 1e-3, "ms"), (599.5, 1.0, "s"), (7200.0, 60.0, "min"), (float("inf"), 3600.0, "h"))


@dataclass(frozen=True)
class TableRow:
    """What one method did for one target: REPs in percent over the designs that could be simulated.

    A REP is None where it does not apply (mean and deviation of a search that yields one design) or where every
    design failed. ``designs`` counts all designs, ``failed`` those whose simulation failed. ``truncation`` is what the
    truncation of the data set's labels leaves out, None where that was not estimated.
    """

    dataset: str
    method: str
    target: float
    minimum_rep: float | None
    mean_rep: float | None
    std_rep: float | None
    seconds: float
    designs: int
    failed: int = 0
    truncation: TruncationError | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.failed <= self.designs:
            raise ValueError(f"failed must be from 0 to designs, got {self.failed} of {self.designs} designs")


@dataclass(frozen=True)
class Measures:
    """The four figures of one line: REPs in percent, time in seconds; None where not applicable."""

    minimum_rep: float | None
    mean_rep: float | None
    std_rep: float | None
    seconds: float | None

    @classmethod
    def of(cls, row: TableRow | PaperRow) -> Measures:
        """The four figures of a row, ours or the paper's."""
        return cls(row.minimum_rep, row.mean_rep, row.std_rep, row.seconds)

    def formatted(self) -> tuple[str, str, str, str]:
        """As printed: two decimals like the paper, times in a fitting unit."""
        time = NOT_APPLICABLE if self.seconds is None else format_seconds(self.seconds)
        return _format_rep(self.minimum_rep), _format_rep(self.mean_rep), _format_rep(self.std_rep), time


@dataclass(frozen=True)
class Line:
    """One printed line: a target or the average over targets; ``paper`` is None without a published counterpart."""

    label: str
    ours: Measures
    paper: Measures | None
    designs: int
    failed: int

    def cells(self) -> list[str]:
        """Eight cells: ours, paper for each of the four measures; blank without a counterpart."""
        published = self.paper.formatted() if self.paper else ("",) * len(MEASURES)
        return [cell for pair in zip(self.ours.formatted(), published, strict=True) for cell in pair]

    @property
    def designs_cell(self) -> str:
        """Number of designs, with the failed ones if there are any."""
        return f"{self.designs} ({self.failed} failed)" if self.failed else str(self.designs)


@dataclass(frozen=True)
class MethodGroup:
    """All lines of one method on one data set; ``best`` marks the lowest average mean REP of that data set."""

    dataset: str
    method: str
    lines: tuple[Line, ...]
    average: Line
    best: bool

    @property
    def printed(self) -> tuple[Line, ...]:
        """The lines to print: an average of one target says nothing new."""
        return (*self.lines, self.average) if len(self.lines) > 1 else self.lines


def if_finite(value: float) -> float | None:
    """A figure as rows hold it: None where every design failed."""
    return float(value) if math.isfinite(value) else None


def format_seconds(seconds: float) -> str:
    """A duration in the unit that suits it, two or three figures: 35 ms, 9.7 s, 12 min, 4.4 h."""
    if seconds < 0:
        raise ValueError(f"seconds must not be negative, got {seconds}")
    size, unit = next((size, unit) for limit, size, unit in TIME_UNITS if seconds < limit)
    value = seconds / size
    decimals = 0 if value >= 99.5 or unit == "min" else 1 if value >= 0.95 else 2
    text = f"{value:.{decimals}f}"
    return f"{text.removesuffix('.0') if unit == 'ms' else text} {unit}"


def method_groups(rows: Sequence[TableRow]) -> list[MethodGroup]:
    """Rows grouped by data set and method, in order of appearance, beside the paper's."""
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    keys = sorted(dict.fromkeys((row.dataset, row.method) for row in rows), key=lambda key: datasets.index(key[0]))
    lines = {key: tuple(_line(row) for row in rows if (row.dataset, row.method) == key) for key in keys}
    averages = {key: _average(lines[key]) for key in keys}
    best = {dataset: _best(averages, dataset) for dataset, _ in keys}
    return [
        MethodGroup(dataset, method, lines[dataset, method], averages[dataset, method], best[dataset] == method)
        for dataset, method in keys
    ]


def headline(rows: Sequence[TableRow]) -> str:
    """One sentence per data set: the method with the lowest mean REP, beside the paper's figure for it."""
    sentences = []
    for group in method_groups(rows):
        ours, paper = group.average.ours, group.average.paper
        if not group.best or ours.mean_rep is None:
            continue
        over = "1 target" if len(group.lines) == 1 else f"{len(group.lines)} targets"
        published = f"the paper reports {paper.mean_rep:.2f} %" if paper and paper.mean_rep else "not in the paper"
        figure = f"mean REP {ours.mean_rep:.2f} % over {over} ({published})"
        sentences.append(f"On {group.dataset}, {group.method} comes closest: {figure}.")
    return " ".join(sentences) or "No method produced a design that could be simulated."


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
    meaning = "REP (residual error percentage) in % of the target, ours beside the paper's."
    return " ".join([meaning, TIMED, failures, *sentences])


def _line(row: TableRow) -> Line:
    paper = published_row(row.dataset, row.method, row.target)
    return Line(
        label=f"{row.target:.2f}" if round(row.target, 2) == row.target else str(row.target),
        ours=Measures.of(row),
        paper=Measures.of(paper) if paper else None,
        designs=row.designs,
        failed=row.failed,
    )


def _average(lines: Sequence[Line]) -> Line:
    published = [line.paper for line in lines if line.paper]
    return Line(
        label="average",
        ours=_mean([line.ours for line in lines]),
        # An average over other targets than ours would compare unlike with like.
        paper=_mean(published) if len(published) == len(lines) else None,
        designs=sum(line.designs for line in lines),
        failed=sum(line.failed for line in lines),
    )


def _mean(measures: Sequence[Measures]) -> Measures:
    """Averages over targets, None as soon as one target has no figure: an average of the rest would flatter."""

    def mean(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known and len(known) == len(values) else None

    return Measures(
        mean([measure.minimum_rep for measure in measures]),
        mean([measure.mean_rep for measure in measures]),
        mean([measure.std_rep for measure in measures]),
        mean([measure.seconds for measure in measures]),
    )


def _best(averages: dict[tuple[str, str], Line], dataset: str) -> str | None:
    known = {
        method: average.ours.mean_rep
        for (name, method), average in averages.items()
        if name == dataset and average.ours.mean_rep is not None
    }
    return min(known, key=known.__getitem__) if known else None


def _format_rep(rep: float | None) -> str:
    return NOT_APPLICABLE if rep is None else f"{rep:.2f}"
