"""What is wrong in a file a person wrote: where, which key, the rule, what came, and the likely fix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic_core import PydanticCustomError

BREACHES = "breaches"  # type and context key of the pydantic errors that ``refusal`` makes


@dataclass(frozen=True)
class Problem:
    """One mistake. ``line`` and ``column`` count from 1; ``value`` is as written, None where nothing came."""

    file: str
    line: int
    column: int
    key: str
    rule: str
    value: str | None
    fix: str

    def __str__(self) -> str:
        got = "" if self.value is None else f", got {self.value}"
        return f"{self.file}:{self.line}:{self.column}: {self.key}: {self.rule}{got}; {self.fix}"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data."""
        return asdict(self)


class SpecError(ValueError):
    """A file that cannot be used; holds every problem found in it, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(format_problems(self.problems))


def format_problems(problems: Iterable[Problem], style: Literal["text", "json"] = "text") -> str:
    """All problems as one text: a line each, or a JSON list."""
    if style == "json":
        return json.dumps([problem.to_dict() for problem in problems], indent=2)
    return "\n".join(map(str, problems))


@dataclass(frozen=True)
class Breach:
    """A rule that a model's values break between them.

    Attributes:
        at: path from the model to the value to blame, for example ``("numerics", "solver")``.
        rule: what must hold, for example ``"must differ from the other names"``.
        fix: what to write instead.
        value: what came; None takes the text that stands in the file.
    """

    at: tuple[str | int, ...]
    rule: str
    fix: str
    value: str | None = None

    def __str__(self) -> str:
        got = "" if self.value is None else f", got {self.value}"
        return f"{'.'.join(map(str, self.at))} {self.rule}{got}; {self.fix}".strip()


def refusal(*breaches: Breach) -> PydanticCustomError:
    """A pydantic error that carries ``breaches``, to be raised by a validator."""
    summary = " | ".join(map(str, breaches)).replace("{", "(").replace("}", ")")  # braces would be a template
    return PydanticCustomError(BREACHES, summary, {BREACHES: breaches})  # type: ignore[arg-type]


def refuse(breaches: Iterable[Breach]) -> None:
    """Raise all of ``breaches`` as one error; do nothing when there are none."""
    if found := tuple(breaches):
        raise refusal(*found)
