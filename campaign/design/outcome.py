"""What came of a request: the designs with all that is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from campaign.design.fitted import FittedMethod
from campaign.design.request import DesignRequest
from campaign.design.simulating import Row
from campaign.design.verify import Verified
from ganmdn.metrics import residual_error_percentage
from ganmdn.targets import Target


@dataclass(frozen=True)
class DesignOutcome:
    """Designs for one target or several; rows follow the targets, and among those of one the nearest come first.

    Attributes
    ----------
    source
        The run's method that proposed them.
    request
        What was asked.
    seed
        Of all draws.
    asked, target
        n, what was asked for, and what within reach was designed for.
    images
        uint8 0/1, (n, H, W), white = 1.
    z
        float32 (n, h, w), latents of the images before they were made writable; None for a method without latents.
    predicted, half_width
        (n,) or (n, D), what the model expects and half of its 90 % interval; not-a-number without a prediction.
    y
        (n,) or (n, D), simulated property; not-a-number where nothing was simulated, and where that failed.
    moved_px
        (n,), pixels that making an image writable exchanged.
    simulated
        Columns of a store, of the simulations of these designs; empty where nothing was simulated.
    simulations
        By target: how many were run for it, those of candidates that were not kept included.
    """

    source: FittedMethod
    request: DesignRequest
    seed: int
    asked: tuple[Target, ...]
    target: tuple[Target, ...]
    images: np.ndarray
    z: np.ndarray | None
    predicted: np.ndarray
    half_width: np.ndarray
    y: np.ndarray
    moved_px: np.ndarray
    simulated: Mapping[str, Any]
    simulations: Mapping[Target, int]

    @classmethod
    def of(
        cls, source: FittedMethod, request: DesignRequest, seed: int, found: Mapping[tuple[Target, Target], Verified]
    ) -> DesignOutcome:
        """From the designs by target, as asked for and as designed for."""
        attempts = [attempt for verified in found.values() for attempt in verified.attempts]
        candidates = [attempt.candidate for attempt in attempts]
        pairs = [pair for pair, verified in found.items() for _ in verified.attempts]
        latents = [candidate.z for candidate in candidates]
        return cls(
            source,
            request,
            seed,
            tuple(asked for asked, _ in pairs),
            tuple(target for _, target in pairs),
            np.stack([candidate.image for candidate in candidates]),
            None if any(z is None for z in latents) else np.stack(latents).astype(np.float32),  # type: ignore[arg-type]
            np.array([candidate.predicted for candidate in candidates]),
            np.array([candidate.half_width for candidate in candidates]),
            np.array([attempt.y for attempt in attempts]),
            np.array([candidate.moved_px for candidate in candidates]),
            _columns([attempt.row for attempt in attempts if attempt.row is not None]),
            {asked: verified.simulations for (asked, _), verified in found.items()},
        )

    @property
    def rep(self) -> np.ndarray:
        """Residual error in percent of what was asked for, (n,); not-a-number without a simulated property."""
        return np.array([residual_error_percentage(y, asked) for y, asked in zip(self.y, self.asked, strict=True)])

    def __len__(self) -> int:
        return len(self.images)


def _columns(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """Columns that all rows have: failed ones of a simulator of somebody else's have more than others."""
    names = [name for name in (rows[0] if rows else ()) if all(name in row for row in rows)]
    return {name: np.array([row[name] for row in rows]) for name in names}
