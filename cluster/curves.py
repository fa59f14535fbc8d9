"""What a trial reported, kept in a file epoch by epoch, so that an interrupted sweep is replayed, not repeated."""

from __future__ import annotations

import json
import os
from pathlib import Path

Metrics = dict[str, float]


class LearningCurve:
    """Reports of one trial in a JSON Lines file: one line an epoch, a last one when the trial returned.

    A line that a crash cut short is dropped when the file is opened.
    """

    def __init__(self, path: Path) -> None:
        """Open the curve at ``path``, or begin one."""
        self._path = path
        self.epochs: list[tuple[int, Metrics]] = []
        self.is_finished = False
        self._load()

    @property
    def last_epoch(self) -> int:
        """Newest epoch of the curve; 0 before the first."""
        return self.epochs[-1][0] if self.epochs else 0

    def append(self, epoch: int, metrics: Metrics) -> None:
        """Keep the metrics of one more epoch.

        Raises:
            ValueError: the epoch does not follow the last one.
        """
        if epoch != self.last_epoch + 1:
            raise ValueError(
                f"epoch must be {self.last_epoch + 1}, the one after the last report, got {epoch}; "
                "report every epoch once, counted from 1"
            )
        self.epochs.append((epoch, metrics))
        self._write({"epoch": epoch, "metrics": metrics})

    def finish(self) -> None:
        """Note that the trial returned by itself."""
        self.is_finished = True
        self._write({"finished": True})

    def _load(self) -> None:
        if not self._path.exists():
            return
        text = self._path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            os.truncate(self._path, len(whole))
        for line in whole.splitlines():
            record = json.loads(line)
            if "finished" in record:
                self.is_finished = True
            else:
                self.epochs.append((record["epoch"], record["metrics"]))

    def _write(self, record: dict[str, object]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")
