"""How far designs land from their target: the residual error percentage (REP) of the paper."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ganmdn.targets import Target


def residual_error_percentage(y: np.ndarray, target: float | Target) -> np.ndarray:
    """REP = |y - target| / target x 100 % (paper, equation 1, where y is simulated and the target is wanted).

    Of several properties it is the mean, of a range it is taken to the bound that is missed; see ``ganmdn.targets``.

    Parameters
    ----------
    y
        Simulated properties, any shape, (..., D) where there are several; NaN where a simulation failed, and NaN comes
        back there.
    target
        Wanted property or properties, above 0.
    """
    return Target.of(target).relative_error(y) * 100.0


@dataclass(frozen=True)
class RepSummary:
    """REP of the designs for one target, in percent; NaN where nothing is left to take it from.

    Parameters
    ----------
    minimum, mean
        Over the designs whose simulation succeeded.
    standard_deviation
        The same, with ddof = 0: NumPy's default, taken for the paper's, which does not say.
    count
        Designs whose simulation succeeded.
    failed
        Designs whose simulation failed.
    """

    minimum: float
    mean: float
    standard_deviation: float
    count: int
    failed: int

    @classmethod
    def of(cls, y: np.ndarray, target: float | Target) -> RepSummary:
        """Summarise simulated properties ``y`` (n,) or (n, D), NaN where a simulation failed, against one target."""
        rep = residual_error_percentage(y, target)
        rep, failed = rep[np.isfinite(rep)], int((~np.isfinite(rep)).sum())
        if rep.size == 0:
            return cls(math.nan, math.nan, math.nan, 0, failed)
        return cls(float(rep.min()), float(rep.mean()), float(rep.std()), rep.size, failed)
