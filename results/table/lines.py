"""Rows of Table 1 as they are printed: grouped by data set and method, averaged, and set beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from results.table.bootstrap import Interval
from results.table.paper import PaperRow
from results.table.repeats import spread
from results.table.rows import BASELINES, TableRow

NOT_APPLICABLE = "–"
# Below the first figure (seconds) a time is printed in units of the second.
TIME_UNITS = ((0.9995, 1e-3, "ms"), (599.5, 1.0, "s"), (7200.0, 60.0, "min"), (float("inf"), 3600.0, "h"))


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


@dataclass(frozen=True)
class Standing:
    """What a line's REP stands beside: oracle and random label in percent, diversity as a share of the labels'."""

    oracle_rep: float | None = None
    random_rep: float | None = None
    diversity: float | None = None
    near_copies: bool = False


@dataclass(frozen=True)
class Line:
    """One printed line: a target or the average over targets; ``paper`` is None without a published counterpart.

    ``repeat_reps`` are the mean REPs of the repeats, ``interval`` is the mean REP's own, see ``TableRow``.
    """

    label: str
    ours: Measures
    paper: Measures | None
    designs: int
    failed: int
    standing: Standing = Standing()
    repeat_reps: tuple[float | None, ...] = ()
    interval: Interval | None = None

    @property
    def spread_rep(self) -> float | None:
        """Standard deviation between repeats of the mean REP; None with fewer than two."""
        return spread(self.repeat_reps)

    @property
    def interval_cell(self) -> str:
        """Both ends of the mean REP's 95 % interval."""
        return NOT_APPLICABLE if self.interval is None else "–".join(map(format_figure, self.interval))

    @property
    def designs_cell(self) -> str:
        """Number of designs, with the failed ones if there are any."""
        return f"{self.designs} ({self.failed} failed)" if self.failed else str(self.designs)

    @property
    def diversity_cell(self) -> str:
        """Diversity, marked where designs are near-copies."""
        return format_figure(self.standing.diversity) + ("*" if self.standing.near_copies else "")


@dataclass(frozen=True)
class MethodGroup:
    """All lines of one method on one data set; ``best`` marks the lowest average mean REP of that data set."""

    dataset: str
    method: str
    lines: tuple[Line, ...]
    average: Line
    best: bool

    @property
    def is_baseline(self) -> bool:
        """Whether the method learns nothing and is there for comparison."""
        return self.method in BASELINES

    @property
    def printed(self) -> tuple[Line, ...]:
        """The lines to print: an average of one target says nothing new."""
        return (*self.lines, self.average) if len(self.lines) > 1 else self.lines


def format_seconds(seconds: float) -> str:
    """A duration in the unit that suits it, two or three figures: 35 ms, 9.7 s, 12 min, 4.4 h."""
    if seconds < 0:
        raise ValueError(f"seconds must not be negative, got {seconds}")
    size, unit = next((size, unit) for limit, size, unit in TIME_UNITS if seconds < limit)
    value = seconds / size
    decimals = 0 if value >= 99.5 or unit == "min" else 1 if value >= 0.95 else 2
    text = f"{value:.{decimals}f}"
    return f"{text.removesuffix('.0') if unit == 'ms' else text} {unit}"


def format_figure(value: float | None) -> str:
    """A REP or a ratio as printed: two decimals like the paper."""
    return NOT_APPLICABLE if value is None else f"{value:.2f}"


def method_groups(rows: Sequence[TableRow]) -> list[MethodGroup]:
    """Rows grouped by data set and method, in order of appearance, beside the paper's."""
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    keys = sorted(dict.fromkeys((row.dataset, row.method) for row in rows), key=lambda key: datasets.index(key[0]))
    lines = {key: tuple(_line(row) for row in rows if (row.dataset, row.method) == key) for key in keys}
    intervals = {(row.dataset, row.method): row.average_interval for row in rows}
    averages = {key: _average(lines[key], intervals[key]) for key in keys}
    best = {dataset: _best(averages, dataset) for dataset, _ in keys}
    return [
        MethodGroup(dataset, method, lines[dataset, method], averages[dataset, method], best[dataset] == method)
        for dataset, method in keys
    ]


def _line(row: TableRow) -> Line:
    reach = row.at_target
    return Line(
        label=row.target.label,
        ours=Measures.of(row),
        paper=Measures.of(row.paper) if row.paper else None,
        designs=row.designs,
        failed=row.failed,
        standing=Standing(reach.oracle_rep, reach.random_rep, row.diversity, row.are_near_copies),
        repeat_reps=row.repeat_reps,
        interval=row.mean_rep_interval,
    )


def _average(lines: Sequence[Line], interval: Interval | None) -> Line:
    published = [line.paper for line in lines if line.paper]
    standings = [line.standing for line in lines]
    return Line(
        label="average",
        ours=_mean_measures([line.ours for line in lines]),
        # An average over other targets than ours would compare unlike with like.
        paper=_mean_measures(published) if len(published) == len(lines) else None,
        designs=sum(line.designs for line in lines),
        failed=sum(line.failed for line in lines),
        standing=Standing(
            _mean([each.oracle_rep for each in standings]),
            _mean([each.random_rep for each in standings]),
            _mean([each.diversity for each in standings]),
            any(each.near_copies for each in standings),
        ),
        repeat_reps=_mean_repeats(lines),
        interval=interval,
    )


def _mean_repeats(lines: Sequence[Line]) -> tuple[float | None, ...]:
    """Averages over targets repeat by repeat; none where not every line has the same repeats."""
    counts = {len(line.repeat_reps) for line in lines}
    if len(counts) > 1:
        return ()
    return tuple(_mean(of_repeat) for of_repeat in zip(*(line.repeat_reps for line in lines), strict=True))


def _mean_measures(measures: Sequence[Measures]) -> Measures:
    return Measures(
        _mean([measure.minimum_rep for measure in measures]),
        _mean([measure.mean_rep for measure in measures]),
        _mean([measure.std_rep for measure in measures]),
        _mean([measure.seconds for measure in measures]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """Average over targets, None as soon as one target has no figure: an average of the rest would flatter."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _best(averages: dict[tuple[str, str], Line], dataset: str) -> str | None:
    """The method of lowest mean REP; a baseline is not what a campaign is about."""
    known = {
        method: average.ours.mean_rep
        for (name, method), average in averages.items()
        if name == dataset and average.ours.mean_rep is not None and method not in BASELINES
    }
    return min(known, key=known.__getitem__) if known else None
