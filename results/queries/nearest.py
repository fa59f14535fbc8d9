"""``nearest(absorption, 0.7, 5)``: the five rows whose absorption is nearest to 0.7, alone or joined by ``and``."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from results.queries.expression import MAX_LENGTH, Kind, QueryError

FORM = "nearest(COLUMN, VALUE, COUNT), for example nearest(absorption, 0.7, 5)"


@dataclass(frozen=True)
class Nearest:
    """The ``count`` rows whose ``column`` is nearest to ``value``, the nearest first."""

    column: str
    value: float
    count: int


def split_nearest(expression: str, kinds: Mapping[str, Kind]) -> tuple[str, Nearest | None]:
    """The condition without its ``nearest(...)``, "" where nothing else is asked, and that.

    ``nearest`` counts among the rows that fulfil the rest. QueryError where it is not of its form, stands twice, or
    inside of anything but ``and``.
    """
    text = expression.strip()
    try:
        tree = None if len(text) > MAX_LENGTH or "nearest" not in text else ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None  # told by who reads the condition, with its place
    if tree is None:
        return expression, None
    parts = list(_conjuncts(tree.body))
    ours = [part for part in parts if _is_nearest(part)]
    everywhere = sum(_is_nearest(node) for node in ast.walk(tree))
    if everywhere != len(ours) or everywhere > 1:
        raise QueryError("nearest(...) stands once, alone or joined to a condition by `and`")
    if not ours:
        return expression, None
    rest = " and ".join(f"({ast.get_source_segment(text, part)})" for part in parts if part is not ours[0])
    return rest, _read(ours[0], kinds)


def _conjuncts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for value in node.values:
            yield from _conjuncts(value)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node


def _is_nearest(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "nearest"


def _read(call: ast.expr, kinds: Mapping[str, Kind]) -> Nearest:
    assert isinstance(call, ast.Call)  # for the type checker: see _is_nearest
    if len(call.args) != 3 or call.keywords or not isinstance(call.args[0], ast.Name):
        raise QueryError(f"write {FORM}")
    column = call.args[0].id
    if kinds.get(column) != "number":
        numbers = [name for name, kind in kinds.items() if kind == "number"]
        close = difflib.get_close_matches(column, numbers, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise QueryError(f"no column of numbers {column}{hint}; they are {', '.join(numbers)}")
    try:
        value, count = ast.literal_eval(call.args[1]), ast.literal_eval(call.args[2])
    except ValueError:
        raise QueryError(f"VALUE and COUNT are plain numbers: {FORM}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise QueryError(f"VALUE is a number, got {value!r}: {FORM}")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise QueryError(f"COUNT is a whole number from 1, got {count!r}: {FORM}")
    return Nearest(column, float(value), count)
