"""A contact sheet of designs: every image with its predicted and its simulated property below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from results.figures.style import FAINT, INK, bare, require, styled
from results.wanted import in_words

COLUMNS = 6
MOST_SHOWN = 48  # of one target
CELL_IN, GAP_IN = 1.4, 0.2
CAPTION_IN = 0.46
SECTION_IN, HEAD_IN, FOOT_IN = 0.36, 0.32, 0.16


class SheetImage(Protocol):
    """What a sheet shows: an image (px, px) of 0/1, its number, and two lines about it."""

    @property
    def image(self) -> np.ndarray:
        """0/1, (px, px)."""

    @property
    def number(self) -> int:
        """Stands above the image."""

    def caption(self) -> str:
        """Two lines."""


@dataclass(frozen=True)
class SheetDesign:
    """One design.

    Attributes
    ----------
    image
        0/1, (px, px).
    number
        Its row among all designs.
    predicted, half_width
        The model's expectation of each property and half of its 90 % interval; not-a-number where there is none.
    simulated, rep
        What came of its simulation, a number a property, and its distance from the target in percent; not-a-number
        without one.
    """

    image: np.ndarray
    number: int
    predicted: Sequence[float]
    half_width: Sequence[float]
    simulated: Sequence[float]
    rep: float

    def caption(self) -> str:
        """Two lines."""
        decimals = 4 if len(self.predicted) == 1 else 2  # several stand beside each other
        if not np.isfinite(self.predicted).all():
            predicted = "no prediction"
        else:
            pairs = zip(self.predicted, self.half_width, strict=True)
            parts = [f"{y:.{decimals}f}" + (f" ± {half:.{decimals}f}" if half > 0 else "") for y, half in pairs]
            predicted = f"predicted {', '.join(parts)}"
        has_y = np.isfinite(self.simulated).all()
        simulated = f"simulated {in_words(self.simulated, decimals)}" if has_y else "not simulated"
        rep = f" ({self.rep:.2f} %)" if np.isfinite(self.rep) else ""
        return f"{predicted}\n{simulated}{rep}"


@styled
def contact_sheet(title: str, sections: Sequence[tuple[str, Sequence[SheetImage]]], note: str) -> Figure:
    """Designs in rows below a heading for each target.

    Parameters
    ----------
    title
        What made the designs.
    sections
        Headings, each with its designs; the first ``MOST_SHOWN`` of them are drawn.
    note
        What white, black and the frame are; stands at the foot.
    """
    require(any(designs for _, designs in sections), "a contact sheet needs at least one design")
    shown = [(heading, list(designs[:MOST_SHOWN]), len(designs)) for heading, designs in sections]
    columns = min(COLUMNS, max(3, *(len(designs) for _, designs, _ in shown)))
    rows = [-(-len(designs) // columns) for _, designs, _ in shown]
    width = columns * (CELL_IN + GAP_IN) - GAP_IN
    height = HEAD_IN + sum(SECTION_IN + count * (CELL_IN + CAPTION_IN) for count in rows) + FOOT_IN
    figure = Figure(figsize=(width, height))
    figure.text(0, 1, title, weight="bold", size=11, va="top")
    top = height - HEAD_IN
    for (heading, designs, count), row_count in zip(shown, rows, strict=True):
        more = f" · the first {len(designs)} of {count}" if count > len(designs) else ""
        figure.text(0, (top - 0.06) / height, heading + more, size=10, va="top")
        _draw(figure, designs, top - SECTION_IN, columns)
        top -= SECTION_IN + row_count * (CELL_IN + CAPTION_IN)
    figure.text(0, 0, note, color=FAINT, size=8, va="bottom", wrap=True)
    return figure


def _draw(figure: Figure, designs: Sequence[SheetImage], top: float, columns: int) -> None:
    """Rows of designs with their upper edge at ``top`` inches."""
    width, height = figure.get_size_inches()
    for place, design in enumerate(designs):
        row, column = divmod(place, columns)
        left, bottom = column * (CELL_IN + GAP_IN), top - row * (CELL_IN + CAPTION_IN) - CELL_IN
        axes = figure.add_axes((left / width, bottom / height, CELL_IN / width, CELL_IN / height))
        axes.imshow(design.image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        bare(axes)
        axes.spines[:].set(visible=True, color=FAINT, linewidth=0.5)
        axes.set_xlabel(design.caption(), size=7, labelpad=3, color=INK, linespacing=1.3)
        axes.text(0.0, 1.015, f"{design.number}", size=6.5, color=FAINT, transform=axes.transAxes, va="bottom")
