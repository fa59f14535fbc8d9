"""What a cluster has, as ``sinfo`` prints it."""

from __future__ import annotations

import pytest

from cluster.slurm.inventory import NodeGroup, Partition, limit_minutes, parse_partitions

SINFO = """\
main*|up|infinite|2|4|6000|gpu:2
main*|up|infinite|1|64+|256000+|gpu:a100:4(S:0-1),gpu:v100:2
short|up|30:00|2|4|6000|(null)
old|down|7-00:00:00|1|8|8000|(null)
"""
PARTITIONS = {
    "main": Partition("main", True, True, None, (NodeGroup(2, 4, 6000, 2), NodeGroup(1, 64, 256000, 6))),
    "short": Partition("short", False, True, 30, (NodeGroup(2, 4, 6000, 0),)),
    "old": Partition("old", False, False, 7 * 24 * 60, (NodeGroup(1, 8, 8000, 0),)),
}


def test_partitions_are_read_as_sinfo_prints_them() -> None:
    assert parse_partitions(SINFO) == PARTITIONS
    assert PARTITIONS["main"].fitting(cpus=8, memory_mb=0, gpus=0) == 1


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("infinite", None),
        ("30", 30),
        ("30:00", 30),
        ("30:01", 31),
        ("12:00:00", 720),
        ("2-12", 3600),
        ("7-00:00:00", 10080),
    ],
)
def test_time_limits_are_read_as_slurm_writes_them(text: str, minutes: int | None) -> None:
    assert limit_minutes(text) == minutes
