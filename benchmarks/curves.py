"""What a benchmark leaves: a table of its rows, and where they are points of curves, their plot beside it."""

from __future__ import annotations

import csv
from pathlib import Path

from matplotlib.figure import Figure

from results.figures.style import save_figure

Row = dict[str, str | int | float]


def save_curves(rows: list[Row], figure: Figure, folder: Path, name: str, **formats: str) -> None:
    """``save_rows``, and the figure beside them."""
    save_rows(rows, folder, name, **formats)
    save_figure(figure, folder, name)


def save_rows(rows: list[Row], folder: Path, name: str, **formats: str) -> None:
    """Write ``<name>.csv`` into ``folder``; ``formats`` says how columns of numbers are written."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {column: format(row[column], spec) for column, spec in formats.items()})
