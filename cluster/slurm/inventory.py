"""What a Slurm cluster has and what this user may use of it, from ``sinfo`` and ``sacctmgr``."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass

from cluster.slurm.controller import SlurmError, call

UNLIMITED = {"infinite", "UNLIMITED", "n/a", "NONE"}
GPUS = re.compile(r"gpu(?::[^:,()]+)?:(\d+)")


@dataclass(frozen=True)
class NodeGroup:
    """Equal nodes of one partition: how many, with what CPUs, memory (MiB) and GPUs each."""

    nodes: int
    cpus: int
    memory_mb: int
    gpus: int


@dataclass(frozen=True)
class Partition:
    """A partition; ``limit_minutes`` is None where jobs may take any time."""

    name: str
    is_default: bool
    is_up: bool
    limit_minutes: int | None
    groups: tuple[NodeGroup, ...]

    def fitting(self, cpus: int, memory_mb: int, gpus: int) -> int:
        """Nodes that have at least so much each."""
        return sum(
            group.nodes
            for group in self.groups
            if group.cpus >= cpus and group.memory_mb >= memory_mb and group.gpus >= gpus
        )


@dataclass(frozen=True)
class Inventory:
    """What can be asked for.

    Attributes
    ----------
    partitions
        By name; empty where ``sinfo`` told nothing.
    accounts
        QOS that this user may use, by account; None where nobody keeps accounts.
    """

    partitions: dict[str, Partition]
    accounts: dict[str, tuple[str, ...]] | None

    @property
    def default_partition(self) -> Partition | None:
        """The partition of jobs that name none."""
        return next((partition for partition in self.partitions.values() if partition.is_default), None)


def read_inventory() -> Inventory:
    """Ask Slurm, two calls in all.

    Raises
    ------
    SlurmError
        ``sinfo`` did not answer. Without accounts there is no error.
    """
    listed = call("sinfo", "--noheader", "--exact", "--format=%P|%a|%l|%D|%c|%m|%G")
    return Inventory(parse_partitions(listed), _read_accounts())


def parse_partitions(listed: str) -> dict[str, Partition]:
    """Partitions from ``sinfo --format=%P|%a|%l|%D|%c|%m|%G``."""
    found: dict[str, Partition] = {}
    for line in listed.splitlines():
        name, state, limit, nodes, cpus, memory, resources = line.strip().split("|")
        group = NodeGroup(int(nodes), _least(cpus), _least(memory), sum(map(int, GPUS.findall(resources))))
        bare = name.removesuffix("*")
        before = found[bare].groups if bare in found else ()
        found[bare] = Partition(bare, name.endswith("*"), state == "up", limit_minutes(limit), (*before, group))
    return found


def limit_minutes(text: str) -> int | None:
    """A time limit as Slurm writes it, in minutes, None for none: ``30:00``, ``12:00:00``, ``7-00:00:00``.

    Raises
    ------
    ValueError
        It is not a time.
    """
    if text in UNLIMITED:
        return None
    days, _, clock = text.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    if days:  # D-HH, D-HH:MM, D-HH:MM:SS
        hours, minutes, seconds = [*parts, 0, 0][:3]
    elif len(parts) == 1:  # minutes
        hours, minutes, seconds = 0, parts[0], 0
    else:  # MM:SS, HH:MM:SS
        hours, minutes, seconds = [0, *parts][-3:]
    total = ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
    return -(-total // 60)


def _read_accounts() -> dict[str, tuple[str, ...]] | None:
    user = getpass.getuser()
    try:
        listed = call("sacctmgr", "--noheader", "--parsable2", "show", "associations", f"user={user}",
                      "format=Account,QOS")  # fmt: skip
    except SlurmError:
        return None  # no accounting, or not for users to see
    found: dict[str, tuple[str, ...]] = {}
    for line in listed.splitlines():
        account, qos = line.strip().split("|")
        found[account] = tuple(dict.fromkeys((*found.get(account, ()), *filter(None, qos.split(",")))))
    return found or None


def _least(text: str) -> int:
    """A number of ``sinfo``, which writes ``64+`` for at least 64."""
    return int(text.rstrip("+"))
