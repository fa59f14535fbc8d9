"""Inner chunks and the check of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.stores.layout import ArrayLayout, StoreError, StoreLayout, input_types


@given(rows_per_unit=st.integers(1, 5000), values=st.integers(1, 100_000))
def test_inner_chunk_divides_the_shard_and_is_small(rows_per_unit: int, values: int) -> None:
    array = ArrayLayout("a", "float64", 0.0, (values,), ("value",))
    inner = array.inner_rows(rows_per_unit)
    assert rows_per_unit % inner == 0
    assert inner == 1 or inner * array.row_bytes <= 256 * 1024


def test_layout_survives_its_attributes() -> None:
    layout = StoreLayout(64, (2, 2), 32, ("pattern",), (980.0, 1000.0), {"target": "float64"})
    assert StoreLayout.from_attributes(layout.to_attributes()) == layout
    assert list(layout.arrays())[-1] == "status"


def test_microstructures_have_neither_latent_nor_layers() -> None:
    arrays = StoreLayout(64, None, 32).arrays()
    assert "z" not in arrays
    assert "layer_absorption" not in arrays


@pytest.mark.parametrize(
    ("array", "values", "message"),
    [
        (ArrayLayout("y", "float64", 0.0), [1.0], r"y: expected shape \(2,\), got \(1,\)"),
        (ArrayLayout("y", "float64", 0.0), [1j, 2j], "y: expected float64, got complex128"),
        (ArrayLayout("seed", "uint64", 0), [-1, 3], "seed: expected uint64, got values from -1 to 3"),
        (ArrayLayout("seed", "uint64", 0), [0.5, 3], "seed: expected uint64, got float64"),
        (ArrayLayout("error_class", "string", ""), [1, 2], "error_class: expected strings, got int64"),
    ],
)
def test_what_does_not_fit_is_refused(array: ArrayLayout, values: list, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        array.check(values, rows=2)


def test_integers_that_fit_are_accepted() -> None:
    stored = ArrayLayout("status", "uint8", 0).check(np.array([1, 2]), rows=2)
    assert stored.dtype == np.uint8


def test_inputs_must_be_columns_of_plain_types_with_free_names() -> None:
    assert input_types({"target": float, "method": str}) == {"target": "float64", "method": "string"}
    with pytest.raises(StoreError, match="inputs: phase must be a number, bool or string, got complex128"):
        input_types({"phase": complex})
    with pytest.raises(StoreError, match="inputs must not take the store's own names, got y"):
        StoreLayout(64, (2, 2), 32, inputs={"y": "float64"})
