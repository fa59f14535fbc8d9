"""What came out of a campaign: stores, queries, tables, figures and the report. No Ray, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas
    import xarray


def open_store(path: Path | str) -> xarray.Dataset:
    """A simulation store as a lazy dataset, every array with its description and unit; images are packed bits.

    Raises FileNotFoundError, StoreError for what is no store, DamagedStoreError where files of a unit are not there.
    """
    from results.stores.find import find_store  # seconds that those who want another module need not spend

    return find_store(Path(path)).dataset()


def to_dataframe(
    *paths: Path | str, expression: str = "", columns: Sequence[str] | None = None, sort: str = ""
) -> pandas.DataFrame:
    """Rows of stores, or of all stores of runs, that satisfy an expression; those that are done where there is none.

    Raises QueryError for an expression or columns that cannot be, otherwise as :func:`open_store`.
    """
    from results.queries.answers import to_dataframe as as_frame
    from results.queries.query import ALL, Question, ask
    from results.stores.find import find_stores

    stores = find_stores([Path(path) for path in paths])
    return as_frame(ask(stores, Question(expression or ALL, columns, sort)))
