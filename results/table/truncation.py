"""What the labels' truncation leaves out, as a figure that stands with every table."""

from __future__ import annotations

import math
from dataclasses import dataclass

CONVERGED = 0.1  # of the labels' standard deviation: as much as truncation may move them by
TENTH_BELOW = 0.01  # standard errors below that are told in tenths of a per cent


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

    @property
    def share(self) -> float | None:
        """Mean difference as a share of the labels' standard deviation; None where one of them is not known."""
        if self.mean_absolute is None or not self.spread:
            return None
        return self.mean_absolute / self.spread

    @property
    def is_converged(self) -> bool:
        """Whether the difference is small beside what the labels differ by; an unknown one counts as small."""
        return self.share is None or self.share <= CONVERGED

    @property
    def share_in_words(self) -> str | None:
        """:attr:`share` in per cent, with the standard error that so small a sample leaves; None where not known."""
        share, solved = self.share, self.sample - self.failed
        if share is None or not self.spread:
            return None
        if self.rms is None or solved < 2:
            return f"{100 * share:.0f} %"
        error = math.sqrt(max(0.0, (self.rms / self.spread) ** 2 - share**2) / (solved - 1))
        decimals = 0 if error >= TENTH_BELOW else 1
        return f"{100 * share:.{decimals}f} ± {100 * error:.{decimals}f} %"

    def sentence(self, dataset: str) -> str:
        """The estimate in words."""
        kept = f"Labels of {dataset} keep diffraction orders up to {self.orders}"
        if self.mean_absolute is None or self.spread is None:
            return f"{kept}; none of {self.sample} could be solved again with {self.higher_orders}."
        share = self.share_in_words
        beside = f" ({share} of the labels' standard deviation)" if share is not None else ""
        return (
            f"{kept}; with {self.higher_orders} ({self.sample - self.failed} solved again) they differ by "
            f"{self.mean_absolute:.4f} on average{beside}, {self.largest:.4f} at most."
        )
