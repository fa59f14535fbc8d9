"""Names of stages in tables: broken between their parts alone where a column is too narrow for them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text


class StageName:
    """A cell with the name of a stage."""

    def __init__(self, name: str) -> None:
        """Take ``kind/method/data-set/part``."""
        *before, last = name.split("/")
        self._parts = [*(f"{part}/" for part in before), last]

    @property
    def widest(self) -> int:
        """Characters of the longest part: no column should be narrower."""
        return max(map(len, self._parts))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        whole = sum(map(len, self._parts))
        return Measurement(self.widest, whole).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [""]
        for part in self._parts:
            if lines[-1] and len(lines[-1]) + len(part) > options.max_width:
                lines.append("")
            lines[-1] += part
        yield Text("\n".join(lines), overflow="fold")


def narrowest(names: Iterable[str]) -> int:
    """Characters that a column of these names needs."""
    return max((StageName(name).widest for name in names), default=0)
