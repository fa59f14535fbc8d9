"""Pictures of microstructures: the best designs of every method (the paper's Figure 2), and plain sample sheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from results.figures.sheet import Sheet
from results.figures.style import FAINT, method_colours, require, styled
from results.wanted import Wanted, in_words, plain

if TYPE_CHECKING:
    from results.stores.store import SimulationStore

CELL_IN = 1.05  # side of one picture
LABEL_IN = 1.45
GAP_IN = 0.1
CAPTION_IN, LINE_IN = 0.30, 0.11  # of one line below a picture, and of every further one
HEADING_IN = 0.34
FOOT_IN = 0.25
SHEET_CELL_IN, SHEET_PITCH_IN = 0.8, 0.85  # of a plain sheet: a picture, and from one to the next


@dataclass(frozen=True)
class BestDesign:
    """The design nearest to one target: image (px, px) 0/1 and its simulated properties; none if all failed."""

    target: Wanted
    image: np.ndarray | None
    achieved: tuple[float, ...] = ()

    @property
    def distance(self) -> float:
        """From the target; infinite if all failed."""
        return float(self.target.distance(np.array(plain(self.achieved)))) if self.achieved else np.inf

    def caption(self) -> str:
        """Achieved property and its REP (equation 1 of the paper)."""
        if not self.achieved:
            return "all designs failed"
        rep = 100 * float(self.target.relative_error(np.array(plain(self.achieved))))
        decimals, between = (4, " · ") if len(self.achieved) == 1 else (3, "\n")
        return f"{in_words(self.achieved, decimals)}{between}{rep:.2f} %"


def nearest_design(store: SimulationStore, rows: slice, target: Wanted) -> BestDesign:
    """The design nearest to a target among some rows of a store."""
    y = store.read("y", rows=rows)["y"]
    distance = target.distance(y)
    if not np.isfinite(distance).any():
        return BestDesign(target, None)
    place = int(np.nanargmin(distance))
    row = (rows.start or 0) + place
    return BestDesign(target, store.images(slice(row, row + 1))[0], tuple(np.atleast_1d(y[place]).tolist()))


@dataclass(frozen=True)
class MethodDesigns:
    """The best designs of one method on one data set, one per target."""

    dataset: str
    method: str
    designs: tuple[BestDesign, ...]


@dataclass(frozen=True)
class _GalleryRow:
    label: str
    colour: str | None
    images: Sequence[np.ndarray | None]
    captions: Sequence[str]


@styled
def gallery(originals: Mapping[str, np.ndarray], designs: Sequence[MethodDesigns], name: str) -> Figure:
    """Figure 2: per data set, examples of original microstructures, then each method's best design per target.

    ``originals`` maps data sets to images (n, px, px) of 0/1; as many are shown as there are targets. Under each
    design stand its simulated property, of that ``name``, and its REP. All methods must have the same targets.
    """
    require(bool(designs), "gallery needs the designs of at least one method")
    targets = [design.target for design in designs[0].designs]
    require(
        all([design.target for design in method.designs] == targets for method in designs),
        "gallery needs the same targets, in the same order, for every method",
    )
    datasets = list(dict.fromkeys([*originals, *(method.dataset for method in designs)]))
    colours = method_colours(method.method for method in designs)
    sections = {dataset: list(_rows(dataset, originals, designs, colours, len(targets))) for dataset in datasets}
    return _drawn_sections(sections, targets, name)


@styled
def image_sheet(rows: Mapping[str, np.ndarray], columns: int = 10) -> Figure:
    """Labelled rows of images (n, px, px), the first ``columns`` of each: microstructures above generated ones."""
    require(bool(rows), "image_sheet needs at least one row of images")
    shown = min(columns, max(len(images) for images in rows.values()))
    sheet = Sheet.of(LABEL_IN + shown * SHEET_PITCH_IN, SHEET_PITCH_IN * len(rows))
    for row, (label, images) in enumerate(rows.items()):
        bottom = (len(rows) - 1 - row) * SHEET_PITCH_IN
        sheet.text(LABEL_IN - GAP_IN, bottom + SHEET_CELL_IN / 2, label, ha="right", va="center")
        for column, image in enumerate(images[:shown]):
            sheet.picture(image, LABEL_IN + column * SHEET_PITCH_IN, bottom, SHEET_CELL_IN, frame=None)
    return sheet.figure


def _rows(
    dataset: str,
    originals: Mapping[str, np.ndarray],
    designs: Sequence[MethodDesigns],
    colours: Mapping[str, str],
    count: int,
) -> Iterator[_GalleryRow]:
    if dataset in originals:
        yield _GalleryRow("examples from\nthe data set", None, list(originals[dataset][:count]), [""] * count)
    for method in designs:
        if method.dataset == dataset:
            images = [design.image for design in method.designs]
            captions = [design.caption() for design in method.designs]
            label = method.method.replace("-optimization", "\noptimization")
            yield _GalleryRow(label, colours[method.method], images, captions)


def _drawn_sections(sections: Mapping[str, Sequence[_GalleryRow]], targets: Sequence[Wanted], name: str) -> Figure:
    """All sections below each other at fixed sizes in inches, so that few or many methods look alike."""
    width = LABEL_IN + len(targets) * (CELL_IN + GAP_IN)
    height = sum(HEADING_IN + sum(_row_height(row) for row in rows) for rows in sections.values()) + FOOT_IN
    sheet, top = Sheet.of(width, height), height
    for dataset, rows in sections.items():
        sheet.text(0.0, top - 0.10, dataset, weight="bold", size=11, va="top")
        top -= HEADING_IN
        for row in rows:
            _draw_row(sheet, row, top, targets if row is _first_designs(rows) else ())
            top -= _row_height(row)
    sheet.text(0.0, 0.0, f"Under each design: simulated {name} · REP", color=FAINT, size=8, va="bottom")
    return sheet.figure


def _first_designs(rows: Sequence[_GalleryRow]) -> _GalleryRow | None:
    return next((row for row in rows if row.colour), None)


def _row_height(row: _GalleryRow) -> float:
    lines = max(caption.count("\n") for caption in row.captions)
    return CELL_IN + (CAPTION_IN + lines * LINE_IN if row.colour else HEADING_IN)


def _draw_row(sheet: Sheet, row: _GalleryRow, top: float, targets: Sequence[Wanted]) -> None:
    """One row with its upper edge at ``top`` inches; ``targets`` are written above it, if given."""
    bottom = top - CELL_IN
    sheet.text(0.0, bottom + CELL_IN / 2, row.label, va="center")
    for column, (image, caption) in enumerate(zip(row.images, row.captions, strict=True)):
        left = LABEL_IN + column * (CELL_IN + GAP_IN)
        sheet.picture(image, left, bottom, CELL_IN, row.colour)
        middle = left + CELL_IN / 2
        sheet.text(middle, bottom - 0.05, caption, size=7.5, ha="center", va="top")
        if targets:
            target = targets[column]
            text, size = (f"target {target.label}", 9.5) if len(target.low) == 1 else (f"target\n{target.label}", 7.5)
            sheet.text(middle, top + 0.06, text, size=size, ha="center", va="bottom")
