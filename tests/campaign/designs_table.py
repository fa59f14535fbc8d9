"""What two runs of the same campaign must agree in."""

from __future__ import annotations

import csv
from pathlib import Path

MEASURED = ("seconds",)  # columns that may differ from run to run


def designs(folder: Path) -> list[dict[str, str]]:
    """Rows of a run's table as text, without what was measured."""
    with (folder / "tables" / "table1.csv").open(newline="") as stream:
        return [{name: cell for name, cell in row.items() if name not in MEASURED} for row in csv.DictReader(stream)]
