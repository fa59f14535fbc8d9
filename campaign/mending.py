"""Stores of finished stages that the disk did not keep: found by their checksums, and opened again for what is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from campaign.cache import StageCache
from campaign.pipeline import Stage
from results.store import SimulationStore


def reopen_damaged(stages: Iterable[Stage], keys: Mapping[str, str], cache: StageCache) -> list[Stage]:
    """Look through the stores of finished stages; those with damaged shards are unfinished afterwards.

    Only what is damaged counts as missing then, so that running the stage once more computes that and no more.
    """
    return [stage for stage in stages if cache.has(stage, keys[stage.name]) and _reopen(stage, keys[stage.name], cache)]


def _reopen(stage: Stage, key: str, cache: StageCache) -> bool:
    folder = cache.folder(stage, key)
    damaged = {
        path.name: units for path in folder.glob("*.zarr") if (units := SimulationStore.open(path).damaged_units())
    }
    if damaged:
        unfinished = cache.reopen(stage, key)
        for name, units in damaged.items():
            store = SimulationStore.open(unfinished / name, mode="r+")
            for unit in units:
                store.discard_unit(unit)
    return bool(damaged)
