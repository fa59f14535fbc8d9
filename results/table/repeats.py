"""How much a figure depends on the seed: what several repeats of the same method say of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spread(values: Sequence[float | None]) -> float | None:
    """Standard deviation between repeats, ddof 1 as they are a sample of few; None with fewer than two known."""
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None


def mean_known(values: Sequence[float | None]) -> float | None:
    """Mean of what is known of the repeats; None where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
