"""Files of a store: one for each array and unit, and the question whether all of a done unit are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from results.stores.layout import ArrayLayout

MARK = "status"  # the array written last, whose file says that a unit is done
OF_FAILURES = ("error_class", "error_message")  # written for units with failures alone


class ShardFiles:
    """Where the arrays of a store at ``path`` keep their units."""

    def __init__(self, path: Path, layouts: Mapping[str, ArrayLayout]) -> None:
        self._folders = {name: f"{path}{os.sep}{name}{os.sep}c" for name in layouts}
        # Default chunk key of Zarr v3: c/<index of each dimension>; rows are never split over shards.
        self._trailing = {name: "".join(f"{os.sep}0" for _ in array.row_shape) for name, array in layouts.items()}

    def path(self, name: str, unit: int) -> Path:
        """File of one array's unit."""
        return Path(self.path_text(name, unit))

    def path_text(self, name: str, unit: int) -> str:
        """The same as text, for loops over many."""
        return f"{self._folders[name]}{os.sep}{unit}{self._trailing[name]}"

    def folder(self, name: str) -> str:
        """Folder with one array's units."""
        return self._folders[name]

    def done_units(self) -> list[int]:
        """Units that are written whole, in order: one listing of a folder."""
        # A writer that was killed may leave a partial file beside the shards; its name is no number.
        names = os.listdir(self._folders[MARK]) if os.path.isdir(self._folders[MARK]) else []
        return sorted(int(name) for name in names if name.isdigit())

    def is_done(self, unit: int) -> bool:
        """Whether one unit is written whole."""
        return os.path.exists(self.path_text(MARK, unit))

    def lacking(self, names: Iterable[str], units: Iterable[int]) -> Iterator[tuple[int, str, str]]:
        """Unit, array and what is wrong for every file of done units that is missing or empty."""
        wanted = [name for name in names if name not in OF_FAILURES]
        for unit in units:
            for name in wanted:
                if reason := self.lack(name, unit):
                    yield unit, name, reason

    def lack(self, name: str, unit: int) -> str:
        """What is wrong with one file: missing or empty, which Zarr takes for fill values; else nothing."""
        try:
            return "" if os.stat(self.path_text(name, unit)).st_size else "empty"
        except (FileNotFoundError, NotADirectoryError):
            return "missing"
