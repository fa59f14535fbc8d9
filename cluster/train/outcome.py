"""What a training comes to, wherever it ran."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Metrics = dict[str, float]


@dataclass(frozen=True)
class TrainingResult:
    """What a training left.

    Attributes
    ----------
    checkpoint
        Folder with the newest checkpoint; None if the loop reported none.
    metrics
        What rank 0 reported last; empty if it never reported.
    restarts
        How often the ranks were started again after one of them failed.
    """

    checkpoint: Path | None
    metrics: Metrics
    restarts: int


class TrainingError(RuntimeError):
    """The ranks failed more often than was allowed.

    Attributes
    ----------
    name
        Of the training.
    failures
        Type and text of an error by rank.
    is_loss
        Whether processes or nodes were lost, rather than that the loop raised something.
    """

    def __init__(self, name: str, failures: dict[int, str], is_loss: bool = False) -> None:
        self.name = name
        self.failures = failures
        self.is_loss = is_loss
        ranks = "; ".join(f"rank {rank}: {text}" for rank, text in sorted(failures.items()))
        super().__init__(f"training {name!r} failed: {ranks}")

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainingError, (self.name, self.failures, self.is_loss)


def described(error: BaseException) -> str:
    """Type and text of an exception."""
    return "".join(traceback.format_exception_only(error)).strip()
