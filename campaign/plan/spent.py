"""What a method's designs have cost, as the records behind them say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage

if TYPE_CHECKING:
    from ganmdn.targets import Target

LABELS_KIND = "labels"


@dataclass(frozen=True)
class Spent:
    """What the designs of one method and data set have cost.

    Attributes
    ----------
    labels
        That the method learnt from; None where its model came from elsewhere and they are not known.
    facts
        Of the stage that made the designs: ``design_seconds`` by target and, where the method simulates by itself,
        ``simulations`` and ``label_equivalents``, by target or one number for each of them.
    before
        Facts of the stages behind that one; of them ``shared_label_equivalents``, by target, is what was simulated for
        the targets beside labels.
    """

    labels: int | None
    facts: Mapping[str, Any]
    before: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, stage: Stage[Any], results: StageResults) -> Spent:
        """Of the designs that a stage judges: its input ``designs`` names the stage that made them."""
        name = stage.inputs["designs"]
        behind = {each.name: each for each in _behind(results.pipeline[name], results)}
        labels = [each for each in behind.values() if each.kind == LABELS_KIND]
        known = [each.simulations - results.record(each.name).facts.get("failed", 0) for each in labels]
        before = tuple(results.record(each).facts for each in behind)
        return cls(sum(known) if known else None, results.record(name).facts, before)

    def seconds(self, target: Target) -> float:
        """Producing the designs for one target."""
        return float(self.facts["design_seconds"][str(target)])

    def simulations(self, target: Target) -> int:
        """That the method ran for one target; 0 for one that does not simulate."""
        return int(self._of("simulations", target) or 0)

    def label_equivalents(self, target: Target) -> float:
        """Cost of those in labels: of full solves where nothing else is said."""
        stated = self._of("label_equivalents", target)
        shared = sum(facts.get("shared_label_equivalents", {}).get(str(target), 0.0) for facts in self.before)
        return float(self.simulations(target) if stated is None else stated) + shared

    def _of(self, name: str, target: Target) -> Any:
        found = self.facts.get(name)
        return found.get(str(target)) if isinstance(found, Mapping) else found


@dataclass(frozen=True)
class SpentByRepeats:
    """What the designs of all repeats of a method have cost on average; ``repeats`` are one or more."""

    repeats: tuple[Spent, ...]

    @classmethod
    def of(cls, stages: Sequence[Stage[Any]], results: StageResults) -> SpentByRepeats:
        """Of the designs that stages judge, one a repeat."""
        return cls(tuple(Spent.of(stage, results) for stage in stages))

    @property
    def labels(self) -> int | None:
        """That every repeat learnt from."""
        return self.repeats[0].labels

    def seconds(self, target: Target) -> float:
        """Producing the designs of a repeat for one target."""
        return fmean(each.seconds(target) for each in self.repeats)

    def simulations(self, target: Target) -> int:
        """That a repeat ran for one target, to the nearest whole one."""
        return round(fmean(each.simulations(target) for each in self.repeats))

    def label_equivalents(self, target: Target) -> float:
        """Cost of those in labels."""
        return fmean(each.label_equivalents(target) for each in self.repeats)


def _behind(stage: Stage[Any], results: StageResults) -> Iterator[Stage[Any]]:
    """The stages that one reads, at any depth."""
    for name in stage.inputs.values():
        read = results.pipeline[name]
        yield read
        yield from _behind(read, results)
