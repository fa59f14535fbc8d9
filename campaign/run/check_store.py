"""``campaign store verify``: a store against its checksums, and who writes it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.cache.lease import owner_file
from campaign.cache.owner import BEAT_SECONDS, Life, Owner, Watch

if TYPE_CHECKING:
    from results.stores.store import SimulationStore
    from results.stores.verify import StoreCheck


class StoreBusyError(Exception):
    """A store that cannot be repaired, because somebody writes it."""


def owner_of(store: SimulationStore) -> tuple[Owner, Life] | None:
    """Who owns the stage's folder that a store lies in, and whether they live; None where nobody does.

    Takes a heartbeat's time for an owner on another machine.
    """
    file = owner_file(store.path.resolve().parent)
    owner = Owner.read(file)
    if owner is None:
        return None
    watch = Watch()
    life = watch.look(file)
    if life is Life.UNKNOWN:
        time.sleep(2 * BEAT_SECONDS)
        life = watch.look(file)
    return owner, life


def check_store(path: Path, repair: bool = False) -> tuple[StoreCheck, str]:
    """What is wrong with a store, after its repair where that was asked for; and who works on it, "" for nobody.

    Raises
    ------
    FileNotFoundError, ValueError
        No store is there.
    StoreBusyError
        It was to be repaired, and somebody alive, or perhaps alive, writes it.
    """
    from results.stores.find import find_store  # Zarr, which commands that read no store need not wait for
    from results.stores.store import SimulationStore
    from results.stores.verify import repair_store, verify_store

    store = find_store(path)
    owned = owner_of(store)
    told = "" if owned is None else f"{owned[0]}, {'which has ended' if owned[1] is Life.DEAD else owned[1].value}"
    if repair and owned is not None and owned[1] is not Life.DEAD:
        raise StoreBusyError(f"{path} is being written by {owned[0]}; cancel that run first, or wait until it ends")
    check = verify_store(store)
    if repair and (check.damaged or check.missing or check.strays or check.columns != "current"):
        check = repair_store(SimulationStore.open(store.path, mode="r+"), check)
    return check, told
