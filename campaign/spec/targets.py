"""``targets`` of a spec: of each property a value, ``{at_least: .}``, ``{at_most: .}`` or ``{between: [., .]}``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Field, PlainSerializer, Tag, ValidatorFunctionWrapHandler, WrapValidator

from campaign.spec.base import Fraction, Model
from campaign.spec.problems import Violation
from ganmdn.targets import Target


class RangeBlock(Model):
    """A range of a property in place of a value; its bounds belong to it."""

    at_least: Fraction | None = Field(default=None, description="lower bound; anything above it is as good")
    at_most: Fraction | None = Field(default=None, description="upper bound")
    between: tuple[Fraction, Fraction] | None = Field(default=None, description="lower and upper bound")

    def violations(self) -> Iterator[Violation]:
        """One of the three, with its bounds in order."""
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            fix = "write {at_least: 0.9}, {at_most: 0.1} or {between: [0.4, 0.6]}"
            yield Violation((), "must be at_least, at_most or between", fix, " and ".join(given) or "none")
        if self.between is not None and self.between[0] >= self.between[1]:
            low, high = self.between
            fix = f"write [{high:g}, {low:g}]" if low > high else f"write {low:g} for a value"
            yield Violation(("between",), "must be [low, high]", fix, f"[{low:g}, {high:g}]")

    @property
    def bounds(self) -> tuple[float, float]:
        """Infinite where there is none."""
        if self.between is not None:
            return self.between
        low = -math.inf if self.at_least is None else self.at_least
        return low, math.inf if self.at_most is None else self.at_most


Goal = Annotated[
    Annotated[Fraction, Tag("number")] | Annotated[RangeBlock, Tag("mapping")],
    Discriminator(lambda value: "mapping" if isinstance(value, Mapping | RangeBlock) else "number"),
]
Goals = Annotated[
    Annotated[Fraction, Tag("number")]
    | Annotated[RangeBlock, Tag("mapping")]
    | Annotated[tuple[Goal, ...], Field(min_length=1), Tag("list")],
    Discriminator(
        lambda value: (
            "list"
            if isinstance(value, list | tuple)
            else "mapping"
            if isinstance(value, Mapping | RangeBlock)
            else "number"
        )
    ),
]


def _target(written: Any, handler: ValidatorFunctionWrapHandler) -> Target:
    if isinstance(written, Target):
        return written
    goals = handler(written)
    goals = goals if isinstance(goals, tuple) else (goals,)
    low, high = zip(*(goal.bounds if isinstance(goal, RangeBlock) else (goal, goal) for goal in goals), strict=True)
    return Target(low, high)


def _plain(target: Target) -> Any:
    """As it is written in YAML."""
    goals = [_goal(low, high) for low, high in target.bounds]
    return goals[0] if len(goals) == 1 else goals


def _goal(low: float, high: float) -> Any:
    if low == high:
        return low
    if math.isinf(high):
        return {"at_least": low}
    return {"at_most": high} if math.isinf(low) else {"between": [low, high]}


if TYPE_CHECKING:
    WrittenTarget = Target
else:
    WrittenTarget = Annotated[Goals, WrapValidator(_target), PlainSerializer(_plain)]
    """In a spec as it is written there, in Python a ``Target``."""
