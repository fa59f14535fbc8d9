"""Rows of a unit of work that is not whole yet: kept beside the store, where only whole units lie."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from campaign.simulation import columns_of
from results.files import atomic_path

SECONDS_AT_RISK = 5.0  # work that a death may cost: rows are kept as often
NOTE_FILE = "note"
POSITION = "position"  # of a row in its unit


class Parking:
    """A folder of finished rows, by their position in the unit; rows of several processes add up.

    Attributes:
        rows: all that are known so far, by position.
    """

    def __init__(self, folder: Path) -> None:
        """Read the rows that are there."""
        self.folder = folder
        self.rows: dict[int, Mapping[str, Any]] = {}
        self._unkept: list[int] = []
        self._kept_at = time.monotonic()
        for path in sorted(folder.glob("rows-*.npz")):
            self._read(path)

    @property
    def note(self) -> Path:
        """Where the watchdog of the unit leaves its note."""
        return self.folder / NOTE_FILE

    def add(self, position: int, row: Mapping[str, Any]) -> None:
        """Take in one more row; it is on disk with the first one that comes ``SECONDS_AT_RISK`` later."""
        self.rows[position] = row
        self._unkept.append(position)
        if time.monotonic() - self._kept_at > SECONDS_AT_RISK:
            self.keep()

    def keep(self) -> None:
        """Write what is not on disk yet."""
        if self._unkept:
            self.folder.mkdir(parents=True, exist_ok=True)
            columns: dict[str, Any] = columns_of([self.rows[position] for position in self._unkept])
            columns[POSITION] = np.array(self._unkept)
            with atomic_path(self.folder / f"rows-{uuid.uuid4().hex}.npz") as temporary:
                np.savez(temporary, allow_pickle=False, **columns)
        self._unkept = []
        self._kept_at = time.monotonic()

    def clear(self) -> None:
        """Forget everything; the unit is whole and stands in its store."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, path: Path) -> None:
        with np.load(path) as file:
            columns = {name: file[name] for name in file.files}
        positions = columns.pop(POSITION)
        for place, position in enumerate(positions.tolist()):
            self.rows[position] = {name: column[place] for name, column in columns.items()}
