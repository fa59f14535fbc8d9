"""What is wrong in a file a person wrote: where, which key, the rule, what came, and the likely fix."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic_core import PydanticCustomError

VIOLATIONS = "violations"  # type and context key of the pydantic errors that ``refusal`` makes


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
class Violation:
    """A rule that a model's values break between them.

    Attributes
    ----------
    at
        Path from the model to the value to blame, for example ``("numerics", "solver")``.
    rule
        What must hold, for example ``"must differ from the other names"``.
    fix
        What to write instead.
    value
        What came; None takes the text that stands in the file.
    """

    at: tuple[str | int, ...]
    rule: str
    fix: str
    value: str | None = None

    def __str__(self) -> str:
        got = "" if self.value is None else f", got {self.value}"
        return f"{'.'.join(map(str, self.at))} {self.rule}{got}; {self.fix}".strip()


def refusal(*violations: Violation) -> PydanticCustomError:
    """A pydantic error that carries ``violations``, to be raised by a validator."""
    summary = " | ".join(map(str, violations)).replace("{", "(").replace("}", ")")  # braces would be a template
    return PydanticCustomError(VIOLATIONS, summary, {VIOLATIONS: violations})  # type: ignore[arg-type]


def refuse(violations: Iterable[Violation]) -> None:
    """Raise all of ``violations`` as one error; do nothing when there are none."""
    if found := tuple(violations):
        raise refusal(*found)


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the nearest known word, or the list of all known words."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1) or difflib.get_close_matches(word.lower(), words, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(words) or 'none'}"
