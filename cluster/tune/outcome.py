"""What a sweep comes to, wherever it ran."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

Config = dict[str, Any]


@dataclass(frozen=True)
class TrialRecord:
    """One configuration and how far it came.

    Attributes
    ----------
    index
        Number of the trial; its configuration is keyed by it.
    config
        What the trainable got.
    metric
        Last value that was reported; NaN if there was none.
    epochs
        Epochs that it was given.
    stopped_early
        Whether ASHA ended it.
    error
        Last line of its exception, or None.
    """

    index: int
    config: Config
    metric: float
    epochs: int
    stopped_early: bool
    error: str | None


@dataclass(frozen=True)
class TuningResult:
    """Outcome of a sweep: the winner among the trials that ASHA did not stop, and all trials by number."""

    best_config: Config
    best_metric: float
    trials: tuple[TrialRecord, ...]


def chosen(records: list[TrialRecord], mode: Literal["min", "max"]) -> TuningResult:
    """Pick the winner: a stopped trial's metric, from few epochs, does not compare with a full one's."""
    candidates = [r for r in records if r.error is None and not r.stopped_early and math.isfinite(r.metric)]
    if not candidates:
        errors = [record.error for record in records if record.error is not None]
        raise RuntimeError(
            f"no trial of {len(records)} ended with a finite metric; {len(errors)} raised, the first: "
            f"{errors[0] if errors else 'none'}"
        )
    sign = 1 if mode == "min" else -1
    best = min(candidates, key=lambda record: (sign * record.metric, record.index))
    return TuningResult(best.config, best.metric, tuple(records))
