"""Whether what a method predicts of its designs is honest: shares of predicted intervals that hold what came out."""

from __future__ import annotations

import numpy as np

DEVIATIONS_OF_90_PERCENT = 1.6449  # of a normal distribution, to either side
HONEST = (0.85, 0.95)  # shares of 90 % intervals


def interval_coverage(y: np.ndarray, predicted: np.ndarray, deviation: np.ndarray) -> float | None:
    """Share of designs whose simulated property lies in its predicted 90 % interval.

    Parameters
    ----------
    y
        Simulated property, (n,); NaN where the simulation failed, which counts nowhere.
    predicted, deviation
        Mean and standard deviation of the prediction, (n,); NaN where there is none.

    Returns
    -------
    float or None
        From 0 to 1; None where no design has both.
    """
    known = np.isfinite(y) & np.isfinite(predicted) & np.isfinite(deviation)
    if not known.any():
        return None
    return float(np.mean(np.abs(y - predicted)[known] <= DEVIATIONS_OF_90_PERCENT * deviation[known]))
