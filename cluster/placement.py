"""Reservations that outlived their owner: Ray keeps them until the driver ends, and their CPUs with them."""

from __future__ import annotations

import time

import ray
from ray.core.generated.gcs_pb2 import PlacementGroupTableData  # type: ignore[attr-defined]  # made by protobuf
from ray.util.placement_group import PlacementGroup, remove_placement_group

POLL_S = 0.05


def release_orphans(timeout_s: float) -> int:
    """Remove placement groups of this driver whose creating actor is dead; nobody else can.

    Waits up to ``timeout_s`` for the first one, since Ray hears of a death a moment later.

    Returns:
        How many were removed.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        orphans = [group for group in _own_groups() if group.creator_actor_dead]
        for group in orphans:
            remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
        if orphans or time.monotonic() > deadline:
            return len(orphans)
        time.sleep(POLL_S)


def _own_groups() -> list[PlacementGroupTableData]:
    # ray.util.placement_group_table() leaves out who created a group; the table behind it has that.
    table = ray._private.state.state._connect_and_get_accessor().get_placement_group_table()
    groups = [PlacementGroupTableData.FromString(row) for row in table]
    own_job = ray.get_runtime_context().get_job_id()
    return [
        group
        for group in groups
        if group.creator_job_id.hex() == own_job and group.state != PlacementGroupTableData.REMOVED
    ]
