"""Pictures and words at places in inches: a figure with one set of axes, as dozens of them take seconds to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from results.figures.style import FAINT


@dataclass(frozen=True)
class Sheet:
    """A figure of ``width`` times ``height`` inches; places count from its lower left corner."""

    figure: Figure
    axes: Axes

    @classmethod
    def of(cls, width: float, height: float) -> Sheet:
        """An empty one."""
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, width), ylim=(0, height))
        return cls(figure, axes)

    def text(self, x: float, y: float, words: str, **style: Any) -> None:
        """Words at a place, as ``Axes.text`` takes their style."""
        self.axes.text(x, y, words, **style)

    def picture(self, image: np.ndarray | None, left: float, bottom: float, side: float, frame: str | None) -> None:
        """An image of 0 and 1, (px, px), in a square; a dash where there is none. A coloured frame is a heavy one."""
        edge: dict[str, Any] = {"edgecolor": frame or FAINT, "linewidth": 1.6 if frame else 0.5}
        if image is None:
            self.axes.add_patch(Rectangle((left, bottom), side, side, facecolor="#f4f4f4", clip_on=False, **edge))
            self.text(left + side / 2, bottom + side / 2, "–", ha="center", va="center", color=FAINT)
            return
        extent = (left, left + side, bottom, bottom + side)
        self.axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent, aspect="auto")
        self.axes.add_patch(Rectangle((left, bottom), side, side, fill=False, clip_on=False, **edge))
