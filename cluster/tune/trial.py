"""A sweep as its processes know it: what to try, where its curves are, and how one trial runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cluster.node.files import write_whole
from cluster.tune.halving import Halving
from cluster.tune.outcome import Config, TrialRecord
from cluster.tune.search_space import Search

Metrics = dict[str, float]
Report = Callable[[int, Metrics], None]
Trainable = Callable[[Config, Report], None]


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

        Raises
        ------
        ValueError
            The epoch does not follow the last one.
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


@dataclass(frozen=True)
class Sweep:
    """A search on its way: what is tried, and the folder with what came of it so far."""

    trainable: Trainable
    search: Search
    folder: Path

    @cached_property
    def configs(self) -> list[Config]:
        """What each trial gets, by its number."""
        return self.search.configs()

    def curve(self, index: int) -> LearningCurve:
        """Reports of a trial so far, on disk."""
        return LearningCurve(self.folder / f"trial-{index:04d}.jsonl")

    def halving(self) -> Halving:
        """The judge of its trials, who has seen none."""
        search = self.search
        return Halving(
            mode=search.mode,
            max_epochs=search.max_epochs,
            grace_epochs=search.grace_epochs,
            reduction_factor=search.reduction_factor,
        )

    def take_folder(self) -> None:
        """Write what the folder is for, or check that it is for the same.

        Raises
        ------
        ValueError
            It holds another sweep.
        """
        argued = ("metric", "mode", "max_epochs", "grace_epochs", "reduction_factor")
        told = {"configs": self.configs, **{name: getattr(self.search, name) for name in argued}}
        description = json.dumps(told, indent=1, default=str)
        note = self.folder / "sweep.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            write_whole(note, description)
        elif note.read_text() != description:
            raise ValueError(
                f"name must be new for a sweep with other arguments, but {self.folder} holds one that differs in "
                "space, seed, metric, trials or epochs; choose another name, or delete the folder"
            )

    def record(self, index: int, epochs: int, metric: float, error: str | None) -> TrialRecord:
        """What became of a trial that has ended after so many epochs, with its last value and line of an error."""
        curve = self.curve(index)
        returned = curve.is_finished and epochs == curve.last_epoch
        stopped_early = error is None and epochs < self.search.max_epochs and not returned
        return TrialRecord(index, self.configs[index], metric, epochs, stopped_early, error)


def run_trial(sweep: Sweep, index: int, tell: Callable[[int, Metrics], None]) -> None:
    """One trial: tell again what is on disk, then go on where that ends; ``tell`` ends it by not coming back."""
    curve = sweep.curve(index)
    replayed = curve.last_epoch

    def report(epoch: int, metrics: Metrics) -> None:
        metric = sweep.search.metric
        if metric not in metrics:
            raise ValueError(f"metrics must have {metric!r}, which the sweep compares; got {sorted(metrics)}")
        if epoch > replayed:
            curve.append(epoch, metrics)
            tell(epoch, metrics)

    for epoch, metrics in curve.epochs[:replayed]:
        tell(epoch, metrics)
    if not curve.is_finished:
        # A trainable cannot start in the middle; it repeats the epochs that are known, unheard.
        sweep.trainable(sweep.configs[index], report)
        curve.finish()
