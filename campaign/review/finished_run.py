"""A finished run's folder: the results of its stages, and its Table 1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.record.run_folder import Submission
from campaign.stages import KINDS
from results.table.json_form import JsonAverage, JsonRow, JsonTable, from_json

AVERAGE = "average"
AVERAGE_COLUMNS = ("min_rep", "mean_rep", "mean_rep_interval", "spread_rep")  # that follow from simulated rows
ROW_COLUMNS = (*AVERAGE_COLUMNS, "std_rep", "repeat_reps", "oracle_rep", "diversity", "designs", "failed")
TABLE_FILE = Path("tables") / "table1.json"


class NotFinishedError(Exception):
    """A run has no results yet where they are needed."""


def finished_results(folder: Path) -> tuple[Submission, StageResults]:
    """What a run was asked for, and the results of all its stages.

    Raises
    ------
    FileNotFoundError
        No run lies there.
    NotFinishedError
        Some of its stages have no result.
    """
    submitted = Submission.read(folder)
    results = StageResults(Pipeline.of(submitted.spec, KINDS, submitted.keys), StageCache(submitted.cache))
    pipeline, cache = results.pipeline, results.cache
    missing = [stage.name for stage in pipeline.stages if not cache.has(stage.kind, pipeline.keys[stage.name])]
    if missing:
        raise NotFinishedError(
            f"{folder}: no results of {', '.join(missing)} in {cache.root}; `campaign submit` its spec first"
        )
    return submitted, results


def read_table(folder: Path) -> JsonTable:
    """Table 1 as it lies in a run.

    Raises
    ------
    FileNotFoundError
        No run lies there.
    NotFinishedError
        It has no table yet.
    ValueError
        Its table is not one of this version.
    """
    Submission.read(folder)
    path = folder / TABLE_FILE
    if not path.is_file():
        raise NotFinishedError(f"{folder}: has no {TABLE_FILE}; `campaign resume {folder}` goes on")
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(
            f"{path}: not a table of this version ({place}: {first['msg']}); `campaign report {folder}` writes it again"
        ) from None


def line_name(line: JsonRow | JsonAverage) -> str:
    """For example ``data-ii/gan-mdn/0.65``, or ``data-ii/gan-mdn/average``."""
    target = str(line.target) if isinstance(line, JsonRow) else AVERAGE
    return f"{line.dataset}/{line.method}/{target}"


def cell_names(table: JsonTable) -> Iterator[str]:
    """Names of all cells that have a receipt and a value."""
    lines: tuple[JsonRow | JsonAverage, ...] = (*table.rows, *table.averages)
    for line in lines:
        columns = ROW_COLUMNS if isinstance(line, JsonRow) else AVERAGE_COLUMNS
        yield from (f"{line_name(line)}/{name}" for name in columns if getattr(line, name) is not None)
