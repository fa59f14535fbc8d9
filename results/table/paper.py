"""Table 1 of the paper as data: what Yang et al. report for four methods, two data sets and five targets."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

METHODS = ("gan-mdn", "pca-mdn", "direct-mdn", "bayesian-optimization")
DATASETS = ("data-i", "data-ii")
IMAGE_PX = {"data-i": 96, "data-ii": 64}


@dataclass(frozen=True)
class PaperRow:
    """One line of Table 1: REPs in percent, None where the paper prints "-", running time in seconds.

    Times of the three MDN methods are those of producing 30 designs on a Titan X GPU; the paper prints hours for
    the optimisation, ``time_as_printed`` keeps its text.
    """

    dataset: str
    method: str
    target: float
    minimum_rep: float | None
    mean_rep: float | None
    std_rep: float | None
    seconds: float
    time_as_printed: str


@cache
def published_table() -> tuple[PaperRow, ...]:
    """All 40 lines of Table 1 in the order of the paper."""
    text = files("results").joinpath("data/paper_table1.csv").read_text(encoding="utf-8")
    return tuple(_row(line) for line in csv.DictReader(text.splitlines()))


def published_row(dataset: str, method: str, target: float) -> PaperRow | None:
    """The paper's line for this data set, method and target; None if it has none."""
    for row in published_table():
        if (row.dataset, row.method) == (dataset, method) and abs(row.target - target) < 1e-9:
            return row
    return None


def _row(line: dict[str, str]) -> PaperRow:
    return PaperRow(
        dataset=line["dataset"],
        method=line["method"],
        target=float(line["target"]),
        minimum_rep=_percentage(line["minimum_rep_percent"]),
        mean_rep=_percentage(line["mean_rep_percent"]),
        std_rep=_percentage(line["std_rep_percent"]),
        seconds=float(line["running_time_s"]),
        time_as_printed=line["running_time_printed"],
    )


def _percentage(text: str) -> float | None:
    return float(text) if text else None
