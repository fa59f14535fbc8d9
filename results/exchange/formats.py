"""Which format a file's name asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from results.exchange.authors import write_authors
from results.exchange.contents import ExchangeError
from results.exchange.hdf5 import import_published
from results.exchange.netcdf import is_exported, read_netcdf, write_netcdf
from results.exchange.parquet import read_parquet, write_parquet
from results.exchange.text import read_csv, write_csv
from results.stores.store import SimulationStore

Write = Callable[[SimulationStore, Path], None]
Read = Callable[[Path, Path], SimulationStore]
HDF5 = (".h5", ".hdf5")
FORMATS: dict[str, tuple[Write, Read]] = {
    **dict.fromkeys((*HDF5, ".nc"), (write_netcdf, read_netcdf)),
    ".parquet": (write_parquet, read_parquet),
    ".csv": (write_csv, read_csv),
}


def export_store(store: SimulationStore, path: Path, *, authors: bool = False) -> None:
    """Write a store as one file of the format that its name ends in; ``authors``: in the published layout.

    Raises ExchangeError for other names, FileExistsError for one that is taken, DamagedStoreError for a store that
    cannot be read whole.
    """
    if path.suffix not in FORMATS or (authors and path.suffix not in HDF5):
        known = HDF5 if authors else FORMATS
        raise ExchangeError(f"expected a file that ends in {', '.join(known)}, got {path}")
    if path.exists():
        raise FileExistsError(f"{path} exists already; name another file, or remove it first")
    store.refuse_damage(["status"])
    (write_authors if authors else FORMATS[path.suffix][0])(store, path)


def import_store(path: Path, target: Path) -> SimulationStore:
    """Make a store of a file that was exported, or that the authors published; see ``results.exchange.hdf5``.

    Raises FileNotFoundError, FileExistsError, ExchangeError or ImportDataError.
    """
    if path.suffix not in FORMATS or (path.suffix in HDF5 and not is_exported(path)):
        return import_published(path, target)
    if not path.is_file():
        raise FileNotFoundError(f"no data file at {path}")
    return FORMATS[path.suffix][1](path, target)
