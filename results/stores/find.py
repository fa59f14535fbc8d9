"""Simulation stores by path: one, or all of a run or of any other folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from results.stores.layout import StoreError
from results.stores.store import SimulationStore
from results.stores.zarr_groups import is_store

STAGES = "stages"  # where a run links its stages' folders
DEPTH = 3  # folders looked into below that: <kind>/<method>/<data set>


def find_stores(paths: Sequence[Path]) -> dict[str, SimulationStore]:
    """Every store that the paths name, by the name that tells it from the others.

    A path is a store or a folder that holds some, such as a run, whose stages are links. Raises FileNotFoundError or
    StoreError for a path that is neither.
    """
    found: dict[str, SimulationStore] = {}
    for path in paths:
        top = path / STAGES if (path / STAGES).is_dir() else path
        inside = [] if is_store(path) else list(_stores_below(top, DEPTH))
        if not inside:
            found[str(path)] = SimulationStore.open(path)  # or says why it is none
        for each in inside:
            name = str(each.relative_to(top))
            found[name if len(paths) == 1 else f"{path}: {name}"] = SimulationStore.open(each)
    return found


def find_store(path: Path) -> SimulationStore:
    """The one store that a path names; StoreError where it is a folder of several."""
    stores = find_stores([path])
    if len(stores) > 1:
        raise StoreError(f"{path} holds {len(stores)} stores; name one of them: {', '.join(stores)}")
    return next(iter(stores.values()))


def _stores_below(folder: Path, depth: int) -> Iterator[Path]:
    try:
        inside = sorted(each for each in folder.iterdir() if not each.name.startswith(".") and each.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for each in inside:
        if is_store(each):
            yield each
        elif depth and not (each / "zarr.json").exists():
            yield from _stores_below(each, depth - 1)
