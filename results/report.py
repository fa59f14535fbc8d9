"""The report of a run: one HTML file that needs nothing else, no network and no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from results.figures.style import RC
from results.files import write_atomically
from results.page import render_page
from results.table.columns import Column, caption, columns
from results.table.lines import MethodGroup, method_groups
from results.table.reach import Reach
from results.table.rows import TableRow
from results.table.truncation import TruncationError
from results.table.verdict import verdict

HEADINGS = {  # of sections by anchor, in their order; another section comes before the cores, under its own name
    "achieved": "Achieved property",
    "gallery": "Best designs",
    "history": "Optimisation history",
    "cost": "What a target costs",
    "microstructures": "Microstructures and GAN",
    "labels": "Labels",
    "training": "Training of the inverse models",
    "cores": "Cores",
    "tune": "Tuning",
}
SCREEN_DPI = 110  # of CSS' pixels, that a figure is shown with
WIDTH_IN_PNG = slice(16, 20)  # of its header


@dataclass(frozen=True)
class ReportFigure:
    """A picture with its caption; ``png`` is embedded as it is."""

    caption: str
    png: bytes

    @classmethod
    def from_file(cls, path: Path | str, caption: str) -> ReportFigure:
        """Take a PNG file that is there already; ValueError if it is none."""
        png = Path(path).read_bytes()
        if not png.startswith(b"\x89PNG"):
            raise ValueError(f"a report embeds PNG images, got {path}; save the figure as PNG")
        return cls(caption, png)

    @property
    def data_uri(self) -> str:
        """The image as a URI that carries its bytes."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

    @property
    def width(self) -> int:
        """Width on the page in CSS pixels: less than the image has, which is drawn for print."""
        return round(int.from_bytes(self.png[WIDTH_IN_PNG], "big") * SCREEN_DPI / RC["savefig.dpi"])


@dataclass(frozen=True)
class Picture:
    """A figure on its way into a report: which section shows it, and under which name it lies among the figures."""

    section: str
    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class DataTable:
    """Any further table: headings and rows of text, and the section that shows it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    section: str = ""

    def __post_init__(self) -> None:
        lengths = {len(row) for row in self.rows} - {len(self.columns)}
        if lengths:
            raise ValueError(f"every row needs {len(self.columns)} cells, one per column, got {sorted(lengths)}")


@dataclass(frozen=True)
class Section:
    """One section of a report, by its anchor."""

    anchor: str
    figures: tuple[ReportFigure, ...] = ()
    tables: tuple[DataTable, ...] = ()
    title: str = ""

    @property
    def heading(self) -> str:
        """What stands above it."""
        return self.title or HEADINGS.get(self.anchor, self.anchor.replace("-", " ").capitalize())

    @property
    def place(self) -> int:
        """Its position among all sections."""
        known = list(HEADINGS)
        return known.index(self.anchor if self.anchor in known else "cores")


@dataclass(frozen=True)
class StageLine:
    """One stage of the run: how it ended, and how long it took (0 for one answered from the cache).

    ``peak_bytes`` is the memory of its largest process, 0 where that is not known.
    """

    name: str
    state: Literal["computed", "cached", "failed"]
    seconds: float
    note: str = ""
    peak_bytes: int = 0


@dataclass(frozen=True)
class Report:
    """All that a report shows.

    ``reach`` and ``truncation`` say what the labels of each data set are worth; ``provenance`` are facts such as git
    sha, host, seeds; ``packages`` names to versions; ``spec`` the YAML text.
    """

    name: str
    key: str
    finished: datetime
    spec: str
    table: tuple[TableRow, ...] = ()
    reach: tuple[Reach, ...] = ()
    truncation: Mapping[str, TruncationError] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    failures: DataTable | None = None
    stages: tuple[StageLine, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)


def render_report(report: Report) -> str:
    """The report as HTML text."""
    return render_page(
        "report.html",
        report=report,
        verdict=verdict(report.table, report.reach, report.truncation),
        datasets=_by_dataset(report.table),
        table_caption=caption(report.table),
        sections=sorted(report.sections, key=lambda section: (section.place, section.anchor in HEADINGS)),
    )


def write_report(report: Report, path: Path | str) -> Path:
    """Render the report into one file, whole or not at all."""
    path = Path(path)
    write_atomically(path, render_report(report))
    return path


def _by_dataset(rows: Sequence[TableRow]) -> dict[str, tuple[list[Column], list[MethodGroup]]]:
    """The columns and methods of every data set: the paper's stand beside data sets of the paper alone."""
    sections: dict[str, list[MethodGroup]] = {}
    for group in method_groups(rows):
        sections.setdefault(group.dataset, []).append(group)
    return {dataset: (columns(groups), groups) for dataset, groups in sections.items()}
