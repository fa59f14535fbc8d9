"""How far work is that runs on a worker: a small file that the worker rewrites and the driver reads."""

from __future__ import annotations

import time
from pathlib import Path

from results.files import write_atomically

SECONDS_BETWEEN_BEATS = 1.0


class ProgressFile:
    """Says ``done`` of ``total`` through a file; picklable, with one writer and any number of readers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = -SECONDS_BETWEEN_BEATS

    def beat(self, done: int, total: int) -> None:
        """Write it, at most once a second."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_BEATS:
            return
        self._last = now
        write_atomically(self.path, f"{done} {total}")

    def read(self) -> tuple[int, int] | None:
        """The last beat, or None before the first."""
        try:
            done, total = self.path.read_text(encoding="ascii").split()
        except FileNotFoundError:
            return None
        return int(done), int(total)

    def clear(self) -> None:
        """Take the file away; the work is done."""
        self.path.unlink(missing_ok=True)
