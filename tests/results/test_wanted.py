"""What results do with targets and with figures of several properties."""

from __future__ import annotations

import numpy as np
import pytest

from ganmdn.targets import Target
from results.stores.layout import StoreLayout, numbered, split_columns
from results.wanted import cell, in_words, known, ordered, plain


def test_targets_are_ordered_and_stand_once() -> None:
    low, high = Target.of(0.5), Target.parse("0.6..")
    assert ordered([high, low, high]) == [low, high]
    assert (cell(low), cell(high)) == (0.5, "0.6..")


def test_figures_of_one_property_are_numbers() -> None:
    assert (plain([0.5]), plain([0.5, 0.6])) == (0.5, (0.5, 0.6))
    assert in_words((0.5, 0.61), 2) == "0.50, 0.61"


def test_a_row_is_known_where_all_its_numbers_are() -> None:
    np.testing.assert_array_equal(known(np.array([0.1, np.nan])), [True, False])
    np.testing.assert_array_equal(known(np.array([[0.1, np.nan], [0.1, 0.2]])), [False, True])
    assert known(np.zeros(0)).tolist() == []


def test_columns_of_several_numbers_stand_apart() -> None:
    columns = {"y": np.array([[1, 2], [3, 4]]), "target": np.array([0.1, 0.2])}
    apart = split_columns(columns)
    assert {name: column.tolist() for name, column in apart.items()} == {
        "y_1": [1, 3],
        "y_2": [2, 4],
        "target": [0.1, 0.2],
    }
    assert split_columns(columns, {"y": None, "target": None}) == columns
    assert numbered("y", 2) == ["y_1", "y_2"]


@pytest.mark.parametrize(("names", "arrays"), [((), {"y"}), (("a",), {"y"}), (("a", "b"), {"y_1", "y_2"})])
def test_a_store_has_a_column_for_each_property(names: tuple[str, ...], arrays: set[str]) -> None:
    layout = StoreLayout(32, None, 4, properties=names)
    assert {name for name in layout.arrays() if name.startswith("y")} == arrays
    assert StoreLayout.from_attributes(layout.to_attributes()) == layout
