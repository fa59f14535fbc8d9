"""Finished stages whose files were damaged on the disk become unfinished: what is missing is computed again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping

from campaign.cache.checksums import FILES_FACT, damaged_files
from campaign.cache.stage_cache import StageCache
from campaign.plan.pipeline import Stage
from results.stores.store import SimulationStore


class Repair:
    """Finds damaged results among the stages of one run, and has them computed again, each stage once.

    Only what is damaged counts as missing then, so that running the stage once more computes that and no more.
    """

    def __init__(self, keys: Mapping[str, str], cache: StageCache) -> None:
        """Repair nothing yet.

        Parameters
        ----------
        keys
            Key of every stage, by name.
        cache
            Where the stages' results lie.
        """
        self._keys = keys
        self._cache = cache
        self._done: set[str] = set()

    def reopen(self, stages: Iterable[Stage]) -> set[str]:
        """Names of those stages that were finished and damaged; they are unfinished afterwards."""
        suspects = {stage.name: stage for stage in stages if stage.name not in self._done}
        damaged = {name for name, stage in suspects.items() if _reopen(stage, self._keys[name], self._cache)}
        self._done |= damaged
        return damaged


def _reopen(stage: Stage, key: str, cache: StageCache) -> bool:
    if not cache.has(stage.kind, key):
        return False
    folder = cache.folder(stage.kind, key)
    if damaged_files(folder, cache.record(stage.kind, key).facts.get(FILES_FACT, {})):
        unfinished = cache.reopen(stage.kind, key)
        for path in list(unfinished.iterdir()):  # whatever else lies there may have been made from them
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return True
    damaged = {
        path.name: units for path in folder.glob("*.zarr") if (units := SimulationStore.open(path).damaged_units())
    }
    if damaged:
        unfinished = cache.reopen(stage.kind, key)
        for name, units in damaged.items():
            store = SimulationStore.open(unfinished / name, mode="r+")
            for unit in units:
                store.discard_unit(unit)
    return bool(damaged)
