"""Queries: the right rows, only the needed columns, and errors that point at the place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from results.queries import query as query_module
from results.queries.expression import QueryError
from results.queries.query import query
from results.stores.store import SimulationStore


@pytest.fixture(scope="module")
def made(
    make_store_in: Callable[..., SimulationStore],
    make_rows: Callable[..., dict],
    tmp_path_factory: pytest.TempPathFactory,
) -> SimulationStore:
    """Units 0, 1, 3 done, unit 2 missing, unit 4 done with half of its rows failed."""
    filled = make_store_in(tmp_path_factory.mktemp("made"))
    for unit in (0, 1, 3, 4):
        rows = make_rows(unit)
        if unit == 4:
            rows["status"][:4] = 2
            rows["error_class"][:4] = "SolverError"
            rows["absorption"][:4] = np.nan
        filled.write_unit(unit, rows)
    return filled


@pytest.fixture
def store(made: SimulationStore, copy_store: Callable[[SimulationStore], SimulationStore]) -> SimulationStore:
    return copy_store(made)


def obvious(store: SimulationStore, condition: Callable[[dict[str, np.ndarray]], np.ndarray]) -> list[int]:
    columns = store.read(*store.columns)
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(condition(columns)).tolist()


@pytest.mark.long
@pytest.mark.parametrize(
    ("expression", "condition"),
    [
        ("abs(absorption-0.7)<0.05", lambda c: (abs(c["absorption"] - 0.7) < 0.05) & (c["status"] == 1)),
        ("status==2", lambda c: c["status"] == 2),
        ("status==0", lambda c: c["status"] == 0),
        (
            "(target==0.65) & (seconds>0.05)",
            lambda c: (c["target"] == 0.65) & (c["seconds"] > 0.05) & (c["status"] == 1),
        ),
        ("target==0.65 and seconds>0.05", lambda c: (c["target"] == 0.65) & (c["seconds"] > 0.05) & (c["status"] == 1)),
        ("0.6 < absorption <= 0.7", lambda c: (c["absorption"] > 0.6) & (c["absorption"] <= 0.7)),
        ("status - 2 >= 0 or y < 0.56", lambda c: (c["status"] == 2) | (c["y"] < 0.56)),
        ("error_class == 'SolverError' and status > 0", lambda c: c["status"] == 2),
        ("not (y > 0.6) and status == 1", lambda c: (c["y"] <= 0.6) & (c["status"] == 1)),
        ("~(y > 0.6) & (status == 1)", lambda c: (c["y"] <= 0.6) & (c["status"] == 1)),
        ("max(reflection, transmission, 0.2) > 0.3", lambda c: (c["reflection"] > 0.3) & (c["status"] == 1)),
        ("sqrt(y)**2 / 2 > 0.325", lambda c: (np.sqrt(c["y"]) ** 2 > 0.65) & (c["status"] == 1)),
        ("sim >= 38", lambda c: np.arange(40) >= 38),
        ("1 < 2", lambda c: c["status"] == 1),
    ],
)
def test_rows_are_those_of_the_obvious_way(store: SimulationStore, expression: str, condition: Callable) -> None:
    found = [row["sim"] for row in query(store, expression)]
    assert found == obvious(store, condition)


def test_blocks_do_not_change_the_answer(store: SimulationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = query(store, "y > 0.6")
    monkeypatch.setattr(query_module, "BLOCK_ROWS", 8)
    assert query(store, "y > 0.6") == whole
    assert query(store, "y > 0.6", limit=3) == whole[:3]


def test_a_row_has_every_column_as_plain_values(store: SimulationStore) -> None:
    (row,) = query(store, "status == 2", limit=1)
    assert row["sim"] == 32
    assert row["error_class"] == "SolverError"
    assert set(row) == {"sim", *store.columns}
    assert {type(value) for value in row.values()} == {int, float, str}


def test_only_needed_columns_are_searched(store: SimulationStore) -> None:
    for name in ("reflection", "seconds"):
        (store.path / name / "c" / "0").write_bytes(b"damaged")
    assert query(store, "y > 2") == []


def test_huge_powers_end_at_once(store: SimulationStore) -> None:
    assert query(store, "y < -(9**9**9**9)") == []


def test_limit_must_be_positive(store: SimulationStore) -> None:
    with pytest.raises(QueryError, match="limit must be at least 1, got 0"):
        query(store, "y > 0", limit=0)
