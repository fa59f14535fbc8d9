"""Conditions: equal to NumPy, and errors that point at the place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.queries.expression import Kind, QueryError, parse

KINDS: dict[str, Kind] = {
    "sim": "number",
    "y": "number",
    "absorption": "number",
    "error_class": "text",
    "converged": "condition",
}


@given(threshold=st.floats(0, 1), width=st.floats(0, 0.2))
def test_equal_to_numpy(threshold: float, width: float) -> None:
    y = np.linspace(0, 1, 101)
    condition = parse(f"abs(y - {threshold!r}) < {width!r} or -y > -0.1", {"y": "number"})
    np.testing.assert_array_equal(condition.holds({"y": y}), (abs(y - threshold) < width) | (y < 0.1))


def test_a_column_of_truth_values_is_a_condition() -> None:
    columns = {"converged": np.array([True, False, True]), "y": np.array([0.1, 0.2, 0.3])}
    np.testing.assert_array_equal(parse("converged and y > 0.2", KINDS).holds(columns), [False, False, True])
    assert parse("not converged", KINDS).columns == ("converged",)


def test_single_precision_columns_compare_as_they_are_printed() -> None:
    seconds = np.array([0.1, 0.2], np.float32)
    np.testing.assert_array_equal(parse("y == 0.1", KINDS).holds({"y": seconds}), [True, False])


def test_large_whole_numbers_compare_exactly() -> None:
    seeds = np.array([2**63, 2**63 + 1], np.uint64)
    np.testing.assert_array_equal(parse(f"y == {2**63 + 1}", KINDS).holds({"y": seeds}), [False, True])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("absorbtion > 0.7", r"column 1: no column absorbtion \(did you mean absorption\?\); the columns are sim, y,"),
        ("y > 0.7 & q == 2", r"column 11: no column q; the columns are"),
        ("y > 0.7 & y < 0.8", "column 5: this is a number, the operator joins conditions; put parentheses"),
        ("y + 1", "column 1: a condition is needed .* this is a number"),
        ("y > 'high'", "column 5: a number cannot be compared with a text"),
        ("error_class + 1 > 2", "column 1: this is a text, the operator joins numbers"),
        ("y >", "not an expression: invalid syntax"),
        ("", "not an expression"),
        ("__import__('os').system('true')", "column 1: the functions are abs, sqrt, min, max"),
        ("y.__class__ == 1", "column 1: only columns, numbers, strings"),
        ("[y for y in 'ab'] == 1", "column 1: only columns, numbers, strings"),
        ("(lambda: 1)() == 1", "column 2: the functions are|column 1: the functions are"),
        ("y in (1, 2)", "column 6: only columns, numbers, strings"),
        ("y % 2 == 0", "column 1: this operator is not allowed"),
        ("abs(y, 2) > 1", "column 1: abs takes 1 plain argument"),
        ("min(y) > 1", "column 1: min takes two or more plain arguments"),
        ("y == True", "column 6: True is neither a number nor a string"),
        (f"y > {2**64}", "column 5: this number needs more than 64 bits"),
        ("y > " + "(" * 500 + "1" + ")" * 500, "not an expression|at most 1000"),
    ],
)
def test_errors_point_at_the_place(expression: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        parse(expression, KINDS)


def test_the_caret_stands_under_the_culprit() -> None:
    with pytest.raises(QueryError) as caught:
        parse("error_class == 'größe' and yy > 0", KINDS)
    _, shown, caret = str(caught.value).split("\n")
    assert shown[caret.index("^") :].startswith("yy")
