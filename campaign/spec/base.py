"""What all blocks of a spec are made of: strict frozen models, numbers with bounds, names, ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from campaign.spec.problems import Violation, refusal, refuse
from ganmdn.limits import LEAST_BATCH


def _no_text(value: Any) -> Any:
    # pydantic would take "12" and true for numbers; in a spec they are slips.
    if isinstance(value, bool | str):
        raise PydanticCustomError("number_type", "must be a number")
    return value


NO_TEXT = BeforeValidator(_no_text)
Real = Annotated[float, NO_TEXT]
Positive = Annotated[float, Field(gt=0), NO_TEXT]
NotNegative = Annotated[float, Field(ge=0), NO_TEXT]
Fraction = Annotated[float, Field(gt=0, lt=1), NO_TEXT]
LengthNm = Annotated[float, Field(ge=1, le=1e6), NO_TEXT]
ThicknessNm = Annotated[float, Field(ge=0.1, le=1e6), NO_TEXT]
Count = Annotated[int, Field(ge=1), NO_TEXT]
Seed = Annotated[int, Field(ge=0), NO_TEXT]
Wavelengths = Annotated[
    Annotated[LengthNm, Tag("number")] | Annotated[tuple[LengthNm, ...], Field(min_length=1), Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "number"),
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]


class Model(BaseModel):
    """Frozen, strict about unknown keys, and keeping the rules that hold between its values."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def violations(self) -> Iterator[Violation]:
        """Rules between the values that these break; each model has its own."""
        yield from ()

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        refuse(self.violations())
        return self


class Range(Model):
    """A closed interval from which a value is drawn uniformly; written ``[low, high]`` in YAML."""

    low: Real = Field(description="lower end")
    high: Real = Field(description="upper end")

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) == 2:
            return {"low": value[0], "high": value[1]}
        if not isinstance(value, dict | Range):
            raise refusal(Violation((), "must be [low, high]", "write two numbers in brackets"))
        return value

    def violations(self) -> Iterator[Violation]:
        """Ends in order; both may be equal."""
        if self.low > self.high:
            pair = f"[{self.low:g}, {self.high:g}]"
            yield Violation((), "must be [low, high]", f"write [{self.high:g}, {self.low:g}]", pair)


def repeats(values: Sequence[object], key: str, rule: str) -> Iterator[Violation]:
    """Entries of the list ``key`` that stand there more than once."""
    for index, value in enumerate(values):
        if value in values[:index]:
            came = f"'{value}'" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
            yield Violation((key, index), rule, "remove it", came)


def share_violations(batch_size: int, workers: int, what: str, least: int = LEAST_BATCH) -> Iterator[Violation]:
    """A batch splits evenly over data-parallel workers, with enough for each: batch normalisation has to average."""
    if batch_size < least * workers:
        rule = f"must give each of the {workers} workers at least {least} {what}" + (
            " for batch normalisation" if least == LEAST_BATCH else ""
        )
        yield Violation(("batch_size",), rule, f"write {least * workers} or more, or fewer workers", str(batch_size))
    elif batch_size % workers:
        rule = f"must be a multiple of workers, {workers}"
        yield Violation(("batch_size",), rule, f"write {batch_size - batch_size % workers}", str(batch_size))
