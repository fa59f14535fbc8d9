"""Tables, figures and the report of a run, written into its folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from campaign.cache.checksums import check_files
from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import REPORT_FILE
from campaign.record.events import read_events
from campaign.record.run_folder import PROVENANCE_FILE, SOURCE_FILE
from campaign.record.utilisation import Utilisation, utilisation
from campaign.report.composed import (
    gallery_picture,
    history_picture,
    interval_table,
    morphology_picture,
    table_rows,
    truncations_of,
)
from campaign.report.cores import cores
from campaign.report.cost import cost_picture, cost_tables
from campaign.report.failures import failed_simulations, failure_table
from campaign.report.pieces import Pieces
from campaign.spec.campaign import Spec
from results.figures.style import save_figure
from results.files import write_atomically
from results.report import DataTable, Picture, Report, ReportFigure, Section, StageLine
from results.report import write_report as write_html
from results.table.formats import write_tables
from results.table.generator import JudgedGenerator
from results.table.json_form import json_table, to_json
from results.table.reach import Reach

TABLES_FOLDER = "tables"
JSON_FILE = "table1.json"
FIGURES_FOLDER = "figures"


def write_report(
    folder: Path, pipeline: Pipeline, cache: StageCache, check: Callable[[], None] = lambda: None, *, pdf: bool = False
) -> Path:
    """Write ``tables/``, ``figures/`` and ``report.html`` of a finished run; the report last.

    What ``check`` raises before a figure ends it. With ``pdf`` figures are drawn for print, too, which takes as long
    again.
    """
    suffixes = (".png", ".pdf") if pdf else (".png",)
    results = StageResults(pipeline, cache)
    for stage in pipeline.stages:
        check_files(cache, stage.kind, pipeline.keys[stage.name])
    spec, pieces, used = pipeline.spec, Pieces.of(results), utilisation(folder)
    rows, reaches, truncations = table_rows(pieces, spec), pieces.all(Reach), truncations_of(pieces)
    tables = folder / TABLES_FOLDER
    tables.mkdir(exist_ok=True)
    if spec.methods:
        write_tables(rows, tables)
    table = json_table(rows, reaches, truncations, generators=pieces.all(JudgedGenerator), **_cost(used))
    write_atomically(tables / JSON_FILE, to_json(table))
    composed = (*gallery_picture(pieces, spec), *history_picture(pieces, spec), morphology_picture(pieces))
    pictures = [*pieces.all(Picture), *composed, *cost_picture(rows, pieces, spec), *cores(used)]
    others = [*pieces.all(DataTable), *interval_table(rows), *cost_tables(rows)]
    made_by = json.loads((folder / PROVENANCE_FILE).read_text(encoding="utf-8"))
    report = Report(
        name=spec.campaign,
        key=pipeline.key,
        finished=datetime.now(UTC),
        spec=(folder / SOURCE_FILE).read_text(encoding="utf-8"),
        table=tuple(rows),
        reach=tuple(reaches),
        truncation=truncations,
        sections=tuple(_sections(_checked(pictures, check), others, folder / FIGURES_FOLDER, suffixes, spec)),
        failures=failure_table(list(failed_simulations(results))),
        stages=tuple(_stage_lines(folder)),
        provenance={
            name: str(value) for name, value in made_by.items() if name != "packages" and value not in ({}, None)
        },
        packages={name: version or "not installed" for name, version in made_by["packages"].items()},
    )
    return write_html(report, folder / REPORT_FILE)


def _cost(used: Utilisation | None) -> dict[str, float | None]:
    """What a run took, under the names of the table's fields; nothing for one that came from the cache."""
    if used is None:
        return {}
    planned, spent = (used.planned.expected, used.planned.spent) if used.planned else (None, None)
    return {
        "utilisation": used.share,
        "wall_seconds": used.wall_seconds,
        "planned_core_seconds": planned,
        "spent_core_seconds": spent,
    }


def _checked(pictures: Iterable[Picture], check: Callable[[], None]) -> Iterator[Picture]:
    for picture in pictures:
        check()
        yield picture


def _sections(
    pictures: Iterable[Picture], tables: Iterable[DataTable], folder: Path, suffixes: Sequence[str], spec: Spec
) -> Iterator[Section]:
    """Pictures, saved in ``folder``, and tables by the section that shows them."""
    folder.mkdir(exist_ok=True)
    figures: dict[str, list[ReportFigure]] = {}
    others: dict[str, list[DataTable]] = {}
    for picture in pictures:
        png, *_ = save_figure(picture.figure, folder, picture.name, suffixes)
        figures.setdefault(picture.section, []).append(ReportFigure.from_file(png, picture.caption))
    for table in tables:
        others.setdefault(table.section, []).append(table)
    for anchor in dict.fromkeys([*figures, *others]):
        title = f"Achieved {spec.property_name}" if anchor == "achieved" else ""
        yield Section(anchor, tuple(figures.get(anchor, ())), tuple(others.get(anchor, ())), title)


def _stage_lines(folder: Path) -> Iterator[StageLine]:
    """The last word of the event log on every stage."""
    last = {event["stage"]: event for event in read_events(folder) if event["event"] == "stage-ended"}
    states = {"done": "computed", "cached": "cached"}
    for name, event in last.items():
        state = states.get(event["state"], "failed")
        yield StageLine(name, state, event["seconds"], event["message"], event.get("peak_bytes", 0))  # type: ignore[arg-type]
