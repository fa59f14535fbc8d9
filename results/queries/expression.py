"""Conditions over columns, such as ``abs(absorption - 0.7) < 0.005``: parsed, checked, never eval'd."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, NoReturn

import numpy as np

MAX_LENGTH = 1000  # characters

Kind = Literal["number", "text", "condition"]
Columns = Mapping[str, np.ndarray]


class QueryError(ValueError):
    """An expression that cannot be answered; the message points at the place."""


@dataclass(frozen=True)
class Term:
    """A part of an expression that is understood: what it yields, and how, from columns of equal length."""

    kind: Kind
    evaluate: Callable[[Columns], Any]


@dataclass(frozen=True)
class Condition:
    """A whole expression: ``columns`` are the names it reads, ``holds(columns)`` the rows (n,) bool it selects."""

    columns: tuple[str, ...]
    holds: Callable[[Columns], np.ndarray]


BINARY: dict[type[ast.operator], np.ufunc] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Pow: np.float_power,
}
COMPARISONS: dict[type[ast.cmpop], np.ufunc] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
LOGICAL: dict[type[ast.operator] | type[ast.boolop], np.ufunc] = {
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
}
FUNCTIONS: dict[str, tuple[np.ufunc, int | None]] = {  # number of arguments; None means two or more
    "abs": (np.absolute, 1),
    "sqrt": (np.sqrt, 1),
    "min": (np.minimum, None),
    "max": (np.maximum, None),
}


def parse(expression: str, kinds: Mapping[str, Kind]) -> Condition:
    """Understand ``expression`` over columns of the given kinds; QueryError, with its place, if it is not a condition.

    Allowed: column names, numbers, quoted strings, + - * / **, comparisons (also chained), and/or/not, & | ~,
    abs, sqrt, min, max.
    """
    return _Parser(expression, kinds).condition()


class _Parser:
    """Turns the syntax tree into terms, checking kinds on the way, so that reading starts only if it can succeed."""

    def __init__(self, expression: str, kinds: Mapping[str, Kind]) -> None:
        self.expression = expression
        self.kinds = kinds
        self.used: dict[str, None] = {}  # an ordered set

    def condition(self) -> Condition:
        if len(self.expression) > MAX_LENGTH:
            raise QueryError(f"an expression has at most {MAX_LENGTH} characters, got {len(self.expression)}")
        try:
            tree = ast.parse(self.expression.strip(), mode="eval")
        except SyntaxError as error:
            self._fail((error.offset or 1) - 1, f"not an expression: {error.msg}")
        except (ValueError, RecursionError, MemoryError) as error:
            raise QueryError(f"not an expression: {error}") from error
        term = self._term(tree.body)
        if term.kind != "condition":
            self._fail(tree.body, f"a condition is needed (a comparison such as y > 0.7), this is a {term.kind}")
        evaluate, columns = term.evaluate, tuple(self.used)
        return Condition(columns, lambda values: _broadcast(evaluate(values), values))

    def _term(self, node: ast.expr) -> Term:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._column(node)
            case ast.BinOp() | ast.BoolOp():
                return self._binary(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.Compare():
                return self._compare(node)
            case ast.Call():
                return self._call(node)
        self._fail(
            node, "only columns, numbers, strings, arithmetic, comparisons, and/or/not and functions are allowed"
        )

    def _constant(self, node: ast.Constant) -> Term:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self._fail(node, f"{value!r} is neither a number nor a string")
        if isinstance(value, int) and value >= 2**64:
            self._fail(node, "this number needs more than 64 bits")
        return Term("text" if isinstance(value, str) else "number", lambda _: value)

    def _column(self, node: ast.Name) -> Term:
        name = node.id
        if name not in self.kinds:
            close = difflib.get_close_matches(name, self.kinds, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            self._fail(node, f"no column {name}{hint}; the columns are {', '.join(self.kinds)}")
        self.used[name] = None
        return Term(self.kinds[name], lambda columns: columns[name])

    def _binary(self, node: ast.BinOp | ast.BoolOp) -> Term:
        operands = node.values if isinstance(node, ast.BoolOp) else [node.left, node.right]
        if logical := LOGICAL.get(type(node.op)):
            return self._apply(logical, operands, "condition", "conditions; put parentheses around comparisons")
        if arithmetic := BINARY.get(type(node.op)):  # type: ignore[arg-type]
            return self._apply(arithmetic, operands, "number", "numbers")
        self._fail(node, "this operator is not allowed; use + - * / ** & | ~ and comparisons")

    def _unary(self, node: ast.UnaryOp) -> Term:
        if isinstance(node.op, ast.Not | ast.Invert):
            return self._apply(np.logical_not, [node.operand], "condition", "conditions; put parentheses around it")
        sign = np.negative if isinstance(node.op, ast.USub) else np.positive
        return self._apply(sign, [node.operand], "number", "numbers")

    def _compare(self, node: ast.Compare) -> Term:
        operands = [node.left, *node.comparators]
        terms = [self._term(operand) for operand in operands]
        parts = []
        for position, operator in enumerate(node.ops):
            compare = COMPARISONS.get(type(operator))
            if compare is None:
                self._fail(operands[position + 1], "only == != < <= > >= compare here")
            left, right = terms[position : position + 2]
            if left.kind != right.kind:
                self._fail(operands[position + 1], f"a {left.kind} cannot be compared with a {right.kind}")
            parts.append(_applied(compare, [left, right]))
        return Term("condition", lambda columns: reduce(np.logical_and, (part(columns) for part in parts)))

    def _call(self, node: ast.Call) -> Term:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name not in FUNCTIONS:
            self._fail(node, f"the functions are {', '.join(FUNCTIONS)}")
        function, arguments = FUNCTIONS[name]
        if node.keywords or (len(node.args) < 2 if arguments is None else len(node.args) != arguments):
            self._fail(node, f"{name} takes {arguments or 'two or more'} plain argument{'' if arguments else 's'}")
        return self._apply(function, node.args, "number", "numbers")

    def _apply(self, function: np.ufunc, operands: Sequence[ast.expr], kind: Kind, expected: str) -> Term:
        terms = [self._term(operand) for operand in operands]
        for operand, term in zip(operands, terms, strict=True):
            if term.kind != kind:
                self._fail(operand, f"this is a {term.kind}, the operator joins {expected}")
        arguments = [_as_real(term) for term in terms] if kind == "number" else terms
        return Term(kind, _applied(function, arguments))

    def _fail(self, place: ast.expr | int, reason: str) -> NoReturn:
        text = self.expression.strip()
        # Syntax trees count bytes of UTF-8, people count characters.
        column = place if isinstance(place, int) else len(text.encode()[: place.col_offset].decode())
        raise QueryError(f"column {column + 1}: {reason}\n  {text}\n  {' ' * column}^")


def _applied(function: np.ufunc, terms: Sequence[Term]) -> Callable[[Columns], Any]:
    """The function of one value, or folded over several from the left."""
    first, *others = [term.evaluate for term in terms]
    if not others:
        return lambda columns: function(first(columns))
    return lambda columns: reduce(lambda left, right: function(left, right(columns)), others, first(columns))


def _as_real(term: Term) -> Term:
    """Whole-number columns as float64 before arithmetic: status - 2 must not wrap around as uint8 does."""

    def evaluate(columns: Columns) -> Any:
        value = term.evaluate(columns)
        return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype.kind in "iu" else value

    return Term(term.kind, evaluate)


def _broadcast(holds: Any, columns: Columns) -> np.ndarray:
    """A condition without columns, such as 1 < 2, holds for every row or for none."""
    return np.broadcast_to(np.asarray(holds, bool), next(iter(columns.values())).shape)
