"""What a benchmark that solves with more and more orders leaves: a table of its points, and their plot beside it."""

from __future__ import annotations

import csv
from pathlib import Path

from matplotlib.figure import Figure

from results.figures.style import save_figure

Row = dict[str, str | int | float]


def save_curves(rows: list[Row], figure: Figure, folder: Path, name: str, **formats: str) -> None:
    """Write ``<name>.csv`` and the figure into ``folder``; ``formats`` says how columns of numbers are written."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {column: format(row[column], spec) for column, spec in formats.items()})
    save_figure(figure, folder, name)
