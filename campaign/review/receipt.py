"""What a cell of Table 1 rests on: rows, stores, keys, code and seeds; and its number computed again from the rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from campaign.plan.finished import StageRows
from campaign.plan.keys import digest
from campaign.record.run_folder import PROVENANCE_FILE
from campaign.review.finished_run import cell_names
from campaign.review.finished_table import FinishedTable, TracedLine, TracedMethod
from ganmdn.metrics import residual_error_percentage
from ganmdn.targets import Target
from results.wanted import cell

ROUNDING = 1e-9  # by which sums of the same numbers may differ between machines, relative


@dataclass(frozen=True)
class CellRows:
    """Rows of one store behind a cell; what failed is not-a-number. ``target`` tells apart those of an average.

    Each ``y`` is a number, or a list of them where there are several properties.
    """

    stage: str
    store: Path
    target: float | str
    rows: tuple[int, ...]
    y: tuple[Any, ...]
    rep: tuple[float, ...]


@dataclass(frozen=True)
class CellStage:
    """One stage behind a cell: its content address, the fingerprint of its code, and its seed if it draws."""

    name: str
    key: str
    code: str
    schema: int
    seed: int | None
    folder: Path


@dataclass(frozen=True)
class Receipt:
    """A cell as the table has it, computed again, and all that is behind it."""

    run: Path
    cell: str
    value: Any
    again: Any
    agrees: bool
    seeds: tuple[int, ...]
    git_commit: str | None
    rows: tuple[CellRows, ...]
    stages: tuple[CellStage, ...]


def receipt(traced: FinishedTable, cell: str) -> Receipt:
    """The receipt of a cell such as ``data-ii/gan-mdn/0.65/mean_rep``, or of ``…/average/…``.

    Raises
    ------
    ValueError
        The table has no such cell; says what there is.
    """
    line, column = _found(traced, cell)
    rows = tuple(each for target in line.targets for each in _rows(line.method, target, column))
    commit = json.loads((traced.folder / PROVENANCE_FILE).read_text(encoding="utf-8")).get("git_commit")
    stages = tuple(stage_behind(traced, name) for name in traced.behind(each.stage for each in rows))
    value, again = getattr(line.stored, column), line.figures[column]
    same = agrees(value, again)
    return Receipt(traced.folder, cell, value, again, same, line.method.seeds, commit, rows, stages)


def stage_behind(traced: FinishedTable, name: str) -> CellStage:
    """What is known of a stage that a cell rests on."""
    record = traced.results.record(name)
    key, code = traced.results.pipeline.keys[name], digest(dict(record.code))
    return CellStage(name, key, code, record.schema, record.config.get("seed"), traced.results.folder(name))


def agrees(stored: Any, again: Any) -> bool:
    """Whether two figures are the same but for rounding; lists figure by figure, nothing agrees with nothing alone."""
    if isinstance(stored, list | tuple) and isinstance(again, list | tuple):
        return len(stored) == len(again) and all(map(agrees, stored, again))
    if stored is None or again is None:
        return stored is again
    return math.isclose(stored, again, rel_tol=ROUNDING, abs_tol=1e-12)


def _found(traced: FinishedTable, cell: str) -> tuple[TracedLine, str]:
    parts = cell.split("/")
    if len(parts) != 4:
        example = next(cell_names(traced.table))
        raise ValueError(f"a cell is DATASET/METHOD/TARGET/COLUMN, such as {example}, got '{cell}'")
    lines = list(traced.lines)
    names = [each.name.split("/") for each in lines]
    for place, what in enumerate(("data set", f"method on {parts[0]}", f"target of {parts[0]}/{parts[1]}")):
        known = dict.fromkeys(each[place] for each in names if each[:place] == parts[:place])
        parts[place] = _known(what, parts[place], known, traced.folder)
    line = lines[names.index(parts[:3])]
    return line, _known("column with a receipt", parts[3], line.figures, traced.folder)


def _known(what: str, name: str, known: Iterable[str], run: Path) -> str:
    """The name as the table spells it."""
    if name not in known:
        with suppress(ValueError):  # a target with more digits than it needs
            name = str(Target.parse(name))
    if name not in known:
        raise ValueError(f"{run} has no {what} called '{name}'; it has {', '.join(known)}")
    return name


def _rows(method: TracedMethod, target: Target, column: str) -> Iterator[CellRows]:
    traced = method.traced
    labels = f"labels/{method.dataset}"
    parts = [part for repeat in method.rows[target] for part in repeat]
    if column == "oracle_rep":
        parts = [_nearest(traced, labels, target)]
    elif column == "diversity":
        parts.append(StageRows(labels, tuple(range(traced.results.spec.labels.of_prior))))
    for part in parts:
        y = traced.column(part, "y")
        rep = residual_error_percentage(y, target)
        place = part.stage, traced.store_path(part.stage), cell(target)
        yield CellRows(*place, part.rows, tuple(y.tolist()), tuple(rep.tolist()))


def _nearest(traced: FinishedTable, labels: str, target: Target) -> StageRows:
    """The labels that an oracle would hand over: as many as there are designs, in the order of their distance."""
    error = target.relative_error(traced.store(labels).read("y")["y"])
    known = np.flatnonzero(np.isfinite(error))
    nearest = np.argsort(error[known], kind="stable")[: traced.results.spec.designs_per_target]
    return StageRows(labels, tuple(known[nearest].tolist()))
