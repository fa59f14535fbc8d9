"""What the cores did while a run went on, drawn and in words."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.record.utilisation import Planned, Utilisation
from results.figures.timeline import Bar, core_timeline
from results.report import Picture

UTILISATION_GOAL = 0.85
LONGEST_GAP_SECONDS = 60.0  # between two stages at work that a timeline still shows


def cores(used: Utilisation | None) -> Iterator[Picture]:
    """The timeline of a run; none for one that came from the cache."""
    if used is not None and used.spans:
        yield Picture("cores", "cores", core_timeline(list(bars(used)), used.workers), in_words(used))


def bars(used: Utilisation) -> Iterator[Bar]:
    """Stages on one axis of time, from which long times are taken out in which no stage was at work."""
    latest = used.spans[0].start
    cut = latest  # what is taken from every time: the first start, and all gaps so far
    for span in used.spans:
        if span.start - latest > LONGEST_GAP_SECONDS:  # between two submissions
            cut += span.start - latest
        latest = max(latest, span.end)
        yield Bar(span.stage, span.start - cut, span.end - cut, span.cores)


def in_words(used: Utilisation) -> str:
    """The share of the cores that were at work, against the goal."""
    verdict = "reached" if used.share >= UTILISATION_GOAL else "missed"
    planned = f" {_planned_in_words(used.planned)}" if used.planned else ""
    return (
        f"Core utilisation {used.share:.1%} (goal {UTILISATION_GOAL:.0%}: {verdict}): "
        f"{used.busy_core_seconds / 3600:.2f} core-hours of work in {used.available_core_seconds / 3600:.2f} that "
        f"{used.workers} workers had, the start of Ray and waits for the last stages included. Grey: a stage at work; "
        f"blue: the share of the cores that it kept busy, as far as it told of it.{planned}"
    )


def _planned_in_words(planned: Planned) -> str:
    return (
        f"The plan had expected {planned.expected / 3600:.2f} core-hours of the stages computed here, which took "
        f"{planned.spent / 3600:.2f}: {planned.ratio:.2f} times as much."
    )
