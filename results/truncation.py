"""What the labels' truncation leaves out, as a figure that stands with every table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TruncationError:
    """Difference that more orders make, dA = A at ``higher_orders`` - A at ``orders``, over a sample of the labels.

    ``sample`` counts the labels solved again, ``failed`` those of them whose simulation failed and which count in no
    figure. The figures are None where none is left. ``spread`` is the standard deviation of all labels, the scale on
    which an error is large or small.
    """

    orders: int
    higher_orders: int
    sample: int
    failed: int
    shift: float | None
    mean_absolute: float | None
    rms: float | None
    largest: float | None
    spread: float | None

    @classmethod
    def of(cls, labels: np.ndarray, sample: np.ndarray, again: np.ndarray, orders: tuple[int, int]) -> TruncationError:
        """Compare.

        Args:
            labels: y of all labels, NaN where they failed.
            sample: y of the sample's labels, (n,).
            again: y of the same designs with more orders, (n,), NaN where they failed.
            orders: of the labels, and the higher ones.
        """
        known = np.isfinite(again)
        difference = (again - sample)[known]
        return cls(
            *orders,
            sample=len(sample),
            failed=int(np.count_nonzero(~known)),
            shift=_figure(np.mean, difference),
            mean_absolute=_figure(np.mean, np.abs(difference)),
            rms=_figure(lambda values: np.sqrt(np.mean(values**2)), difference),
            largest=_figure(np.max, np.abs(difference)),
            spread=_figure(np.std, labels[np.isfinite(labels)]),
        )

    def sentence(self, dataset: str) -> str:
        """The estimate in words."""
        asked = f"Labels of {dataset} keep diffraction orders up to {self.orders}"
        if self.mean_absolute is None or self.spread is None:
            return f"{asked}; none of {self.sample} could be solved again with {self.higher_orders}."
        return (
            f"{asked}; with {self.higher_orders} ({self.sample - self.failed} solved again) absorption differs by "
            f"{self.mean_absolute:.4f} on average, {self.largest:.4f} at most, where the labels spread by "
            f"{self.spread:.4f}."
        )


def _figure(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float | None:
    return float(statistic(values)) if len(values) else None
