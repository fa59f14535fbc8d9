"""What a method's designs have cost, as the records behind them say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from campaign.plan.finished import StageResults
from campaign.plan.kind import Stage

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
    """

    labels: int | None
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, stage: Stage[Any], results: StageResults) -> Spent:
        """Of the designs that a stage judges: its input ``designs`` names the stage that made them."""
        name = stage.inputs["designs"]
        labels = {each.name: each for each in _behind(results.pipeline[name], results) if each.kind == LABELS_KIND}
        known = [each.simulations - results.record(each.name).facts.get("failed", 0) for each in labels.values()]
        return cls(sum(known) if known else None, results.record(name).facts)

    def seconds(self, target: float) -> float:
        """Producing the designs for one target."""
        return float(self.facts["design_seconds"][f"{target:g}"])

    def simulations(self, target: float) -> int:
        """That the method ran for one target; 0 for one that does not simulate."""
        return int(self._of("simulations", target) or 0)

    def label_equivalents(self, target: float) -> float:
        """Cost of those in labels: of full solves where nothing else is said."""
        stated = self._of("label_equivalents", target)
        return float(self.simulations(target) if stated is None else stated)

    def _of(self, name: str, target: float) -> Any:
        found = self.facts.get(name)
        return found.get(f"{target:g}") if isinstance(found, Mapping) else found


def _behind(stage: Stage[Any], results: StageResults) -> Iterator[Stage[Any]]:
    """The stages that one reads, at any depth."""
    for name in stage.inputs.values():
        read = results.pipeline[name]
        yield read
        yield from _behind(read, results)
