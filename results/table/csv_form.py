"""Table 1 as tidy CSV, and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, fields

from results.table.bootstrap import Interval
from results.table.paper import PaperRow
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow
from results.table.truncation import TruncationError
from results.wanted import Wanted, cell

MEASURES = ("minimum_rep_percent", "mean_rep_percent", "std_rep_percent", "seconds")
TRUNCATION_COLUMNS = tuple(
    "truncation_labels_standard_deviation" if field.name == "spread" else f"truncation_{field.name}"
    for field in fields(TruncationError)
)
NAMES_APART = "; "
UNKNOWN = "-"  # among several figures of one cell
TRUNCATION_COUNTS = 4  # the first columns hold whole numbers
OWN_COLUMNS = (
    "mean_rep_low_percent",
    "mean_rep_high_percent",
    "average_mean_rep_low_percent",
    "average_mean_rep_high_percent",
    "spread_rep_percent",
    "seeds",
    "repeat_reps_percent",
    "labels",
    "simulations",
    "label_equivalents",
    "mean_achieved",
    "pixel_distance",
    "copies",
    "within_90_percent_interval",
    "rep_at_tries_percent",
)
Parse = Callable[[str], Wanted]
LABEL_COLUMNS = (
    "properties",
    "labels_known",
    "labels_lowest",
    "labels_highest",
    "labels_standard_deviation",
    "labels_pixel_distance",
    "share_within_1_percent",
    "oracle_rep_percent",
    "random_label_rep_percent",
    "nearest_labels_pixel_distance",
)
HEADER = (
    *("dataset", "method", "target", *MEASURES, "designs", "failed", *(f"paper_{name}" for name in MEASURES)),
    *("diversity", *OWN_COLUMNS, *LABEL_COLUMNS, *TRUNCATION_COLUMNS),
)


def to_csv(rows: Sequence[TableRow]) -> str:
    """Tidy CSV: one line per data set, method and target, ours and the paper's figures as columns, no averages.

    Unknown figures are empty; seeds, figures of repeats and of several properties share a cell. Further columns tell
    what the method spent and how different its designs are, what the labels hold (see ``Reach``), and what their
    truncation leaves out (see ``TruncationError``).
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        truncation = astuple(row.truncation) if row.truncation else [None] * len(TRUNCATION_COLUMNS)
        measures = [*_measures(row), row.designs, row.failed, *_measures(row.paper)]
        own = [row.diversity, *_own(row), *_of_labels(row)]
        writer.writerow([row.dataset, row.method, cell(row.target), *measures, *own, *truncation])
    return out.getvalue()


def from_csv(text: str, parse: Parse) -> list[TableRow]:
    """The rows of a table that :func:`to_csv` wrote; ``parse`` reads a target."""
    lines = list(csv.DictReader(io.StringIO(text)))
    reaches = {name: _reach([line for line in lines if line["dataset"] == name], parse) for name in _names(lines)}
    return [_row(line, reaches[line["dataset"]], parse) for line in lines]


def _names(lines: Sequence[Mapping[str, str]]) -> dict[str, None]:
    return dict.fromkeys(line["dataset"] for line in lines)


def _measures(row: TableRow | PaperRow | None) -> list[float | None]:
    return [row.minimum_rep, row.mean_rep, row.std_rep, row.seconds] if row else [None] * len(MEASURES)


def _own(row: TableRow) -> list[object]:
    seeds = " ".join(map(str, row.seeds))
    of_repeats = " ".join(UNKNOWN if rep is None else str(rep) for rep in row.repeat_reps)
    spent = [row.labels, row.simulations, row.label_equivalents]
    tries = " ".join(map(str, row.rep_at_tries))
    intervals = [*(row.mean_rep_interval or (None, None)), *(row.average_interval or (None, None))]
    judged = [_several(row.mean_achieved), row.distance, row.copies, row.within_interval]
    return [*intervals, row.spread_rep, seeds, of_repeats, *spent, *judged, tries]


def _of_labels(row: TableRow) -> list[object]:
    reach, at_target = row.reach, row.at_target
    if reach is None:
        return [None] * len(LABEL_COLUMNS)
    return [
        NAMES_APART.join(reach.names),
        reach.labels,
        *map(_several, (reach.lowest, reach.highest, reach.standard_deviation)),
        reach.distance,
        *(at_target.share_within_1_percent, at_target.oracle_rep, at_target.random_rep, at_target.nearest_distance),
    ]


def _several(values: Sequence[float]) -> str:
    return " ".join(map(str, values))


def _row(line: Mapping[str, str], reach: Reach | None, parse: Parse) -> TableRow:
    return TableRow(
        dataset=line["dataset"],
        method=line["method"],
        target=parse(line["target"]),
        minimum_rep=_number(line["minimum_rep_percent"]),
        mean_rep=_number(line["mean_rep_percent"]),
        std_rep=_number(line["std_rep_percent"]),
        seconds=float(line["seconds"]),
        designs=int(line["designs"]),
        failed=int(line["failed"]),
        truncation=_truncation(line),
        reach=reach,
        seeds=tuple(map(int, line["seeds"].split())),
        repeat_reps=tuple(None if rep == UNKNOWN else float(rep) for rep in line["repeat_reps_percent"].split()),
        labels=_count(line["labels"]),
        simulations=_count(line["simulations"]),
        label_equivalents=_number(line["label_equivalents"]),
        mean_achieved=_numbers(line["mean_achieved"]),
        distance=_number(line["pixel_distance"]),
        copies=_count(line["copies"]),
        within_interval=_number(line["within_90_percent_interval"]),
        rep_at_tries=tuple(map(float, line["rep_at_tries_percent"].split())),
        mean_rep_interval=_interval(line, "mean_rep"),
        average_interval=_interval(line, "average_mean_rep"),
        published=bool(line["paper_seconds"]),
    )


def _reach(lines: Sequence[Mapping[str, str]], parse: Parse) -> Reach | None:
    """What the lines of one data set say of its labels."""
    first = lines[0]
    if not first["labels_known"]:
        return None
    by_target = {parse(line["target"]): line for line in lines}
    return Reach(
        first["dataset"],
        int(first["labels_known"]),
        _numbers(first["labels_lowest"]),
        _numbers(first["labels_highest"]),
        _numbers(first["labels_standard_deviation"]),
        tuple(_target_reach(target, line) for target, line in by_target.items()),
        _number(first["labels_pixel_distance"]),
        tuple(filter(None, first["properties"].split(NAMES_APART))),
    )


def _target_reach(target: Wanted, line: Mapping[str, str]) -> TargetReach:
    return TargetReach(
        target,
        _number(line["share_within_1_percent"]),
        _number(line["oracle_rep_percent"]),
        _number(line["random_label_rep_percent"]),
        _number(line["nearest_labels_pixel_distance"]),
    )


def _truncation(line: Mapping[str, str]) -> TruncationError | None:
    cells = [line[name] for name in TRUNCATION_COLUMNS]
    if not cells[0]:
        return None
    counts, figures = cells[:TRUNCATION_COUNTS], cells[TRUNCATION_COUNTS:]
    return TruncationError(*map(int, counts), *map(_number, figures))


def _interval(line: Mapping[str, str], name: str) -> Interval | None:
    low, high = (line[f"{name}_{end}_percent"] for end in ("low", "high"))
    return (float(low), float(high)) if low else None


def _numbers(cell: str) -> tuple[float, ...]:
    return tuple(map(float, cell.split()))


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def _count(cell: str) -> int | None:
    return int(cell) if cell else None
