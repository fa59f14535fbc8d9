"""What a handful of trial simulations tell before a campaign runs: what is in reach, converged, how long it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from results.table.reach import Reach
from results.wanted import Wanted, in_words

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
    simulations
        How many.
    reach
        How far those reach that did not fail.
    seconds_each
        Time of one, on one core.
    change
        Mean absolute change of each property of the first few with more orders; none where none was solved again.
    timings
        Effort (see ``optics.effort``) and seconds of one simulation, as labelled and with more orders.
    note
        What else there is to say of the images.
    """

    dataset: str
    images: str
    simulations: int
    reach: Reach
    seconds_each: float
    change: tuple[float, ...]
    timings: tuple[tuple[Any, float], ...]
    note: str = ""

    @property
    def failed(self) -> int:
        """How many came to nothing."""
        return self.simulations - self.reach.labels

    def sentence(self) -> str:
        """All of it in words."""
        each = f"{1e3 * self.seconds_each:.3g} ms each on one core"
        failed = f", {self.failed} failed" if self.failed else ""
        tried = f"{self.dataset}: {self.simulations} {self.images} simulated{failed}, {each}"
        if not self.reach.lowest:
            return tried
        change = f"; more orders move it by {in_words(self.change, 4)}" if self.change else ""
        note = f". {self.note}" if self.note else ""
        return f"{tried}: {self.reach.spans()}{change}{note}"

    def advice(self, targets: Sequence[Wanted]) -> Iterator[str]:
        """What tells against running the campaign, a sentence each."""
        if self.failed:
            yield f"{self.dataset}: {self.failed} of {self.simulations} trial simulations failed"
        if not self.reach.lowest:
            return
        far = [target.label for target in targets if self.reach.is_outside(target, MARGIN)]
        if far:
            named = f"target {far[0]} lies" if len(far) == 1 else f"targets {'; '.join(far)} lie"
            yield f"{self.dataset}: {named} outside what the trials show, {self.reach.spans()}"
        for change, deviation in zip(self.change, self.reach.standard_deviation, strict=False):
            if change > UNCONVERGED * deviation:
                yield (
                    f"{self.dataset}: more orders move labels by {change:.3g}, whose standard deviation is "
                    f"{deviation:.3g}: raise orders, or take a stack that needs fewer"
                )
