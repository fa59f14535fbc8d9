"""What a handful of trial simulations tell before a campaign runs: what is in reach, converged, how long it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MARGIN = 1.0  # standard deviations beyond the trials that thousands of labels are expected to reach
UNCONVERGED = 0.3  # of the standard deviation: few trials judge roughly; a run says it at 0.1


@dataclass(frozen=True)
class Probe:
    """Trial simulations of one data set.

    Attributes
    ----------
    dataset
        Its name.
    images
        What was simulated, in words.
    simulations, failed
        How many, and how many of them came to nothing.
    lowest, highest, mean, standard_deviation
        Of the property (ddof 0); None where all failed.
    seconds_each
        Time of one, on one core.
    change
        Mean absolute change of the first few with more orders; None where none was solved again.
    timings
        Effort (see ``optics.effort``) and seconds of one simulation, as labelled and with more orders.
    note
        What else there is to say of the images.
    """

    dataset: str
    images: str
    simulations: int
    failed: int
    lowest: float | None
    highest: float | None
    mean: float | None
    standard_deviation: float | None
    seconds_each: float
    change: float | None
    timings: tuple[tuple[Any, float], ...]
    note: str = ""

    def sentence(self) -> str:
        """All of it in words."""
        each = f"{1e3 * self.seconds_each:.3g} ms each on one core"
        failed = f", {self.failed} failed" if self.failed else ""
        if self.lowest is None or self.highest is None:
            return f"{self.dataset}: {self.simulations} {self.images} simulated{failed}, {each}"
        change = "" if self.change is None else f"; more orders move it by {self.change:.4f}"
        note = f". {self.note}" if self.note else ""
        return (
            f"{self.dataset}: {self.simulations} {self.images} simulated{failed}, {each}: {self.lowest:.3f} to "
            f"{self.highest:.3f}, mean {self.mean:.3f}, standard deviation {self.standard_deviation:.4f}{change}{note}"
        )

    def advice(self, targets: Sequence[float]) -> Iterator[str]:
        """What tells against running the campaign, a sentence each."""
        if self.failed:
            yield f"{self.dataset}: {self.failed} of {self.simulations} trial simulations failed"
        if self.lowest is None or self.highest is None or self.standard_deviation is None:
            return
        beyond = MARGIN * self.standard_deviation
        far = [target for target in targets if not self.lowest - beyond <= target <= self.highest + beyond]
        if far:
            named = f"target {far[0]:g} lies" if len(far) == 1 else f"targets {', '.join(f'{t:g}' for t in far)} lie"
            yield f"{self.dataset}: {named} outside what the trials show, {self.lowest:.3f} to {self.highest:.3f}"
        if self.change is not None and self.change > UNCONVERGED * self.standard_deviation:
            yield (
                f"{self.dataset}: more orders move labels by {self.change:.3g}, whose standard deviation is "
                f"{self.standard_deviation:.3g}: raise orders, or take a stack that needs fewer"
            )
