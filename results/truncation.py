"""What the labels' truncation leaves out, as a figure that stands with every table."""

from __future__ import annotations

from dataclasses import dataclass


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

    def sentence(self, dataset: str) -> str:
        """The estimate in words."""
        kept = f"Labels of {dataset} keep diffraction orders up to {self.orders}"
        if self.mean_absolute is None or self.spread is None:
            return f"{kept}; none of {self.sample} could be solved again with {self.higher_orders}."
        return (
            f"{kept}; with {self.higher_orders} ({self.sample - self.failed} solved again) absorption differs by "
            f"{self.mean_absolute:.4f} on average, {self.largest:.4f} at most, where the labels spread by "
            f"{self.spread:.4f}."
        )
