"""What the cluster where a Slurm profile is submitted would refuse of it, or never start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from campaign.spec.problems import Violation, suggestion

if TYPE_CHECKING:
    from campaign.spec.profile import SlurmProfile
    from cluster.slurm.inventory import Inventory, Partition


def cluster_violations(profile: SlurmProfile, inventory: Inventory) -> Iterator[Violation]:
    """What this cluster would refuse, or never start."""
    main = _partition(profile.partition, inventory)
    yield from _partition_violations(("partition",), profile.partition, inventory)
    if main is not None:
        yield from _time_violations(("time_limit",), profile.time_limit, main)
        yield from _size_violations(profile, main, profile.nodes)
    if profile.worker_jobs is not None:
        at = ("worker_jobs",)
        name = profile.worker_jobs.partition
        yield from _partition_violations((*at, "partition"), name, inventory)
        if partition := _partition(name or profile.partition, inventory):
            yield from _time_violations((*at, "time_limit"), profile.worker_jobs.time_limit, partition)
            if partition != main:
                yield from _size_violations(profile, partition, 1)
    if inventory.accounts is not None:
        yield from _account_violations(profile, inventory.accounts)


def _partition(name: str | None, inventory: Inventory) -> Partition | None:
    return inventory.default_partition if name is None else inventory.partitions.get(name)


def _partition_violations(at: tuple[str, ...], name: str | None, inventory: Inventory) -> Iterator[Violation]:
    if name is None:
        return
    found = inventory.partitions.get(name)
    if found is None:
        rule = f"must be a partition of this cluster: {_listed(inventory.partitions)}"
        yield Violation(at, rule, suggestion(name, inventory.partitions))
    elif not found.is_up:
        yield Violation(at, "must be a partition that takes jobs, and this one is down", "choose another: `sinfo`")


def _time_violations(at: tuple[str, ...], minutes: int, partition: Partition) -> Iterator[Violation]:
    limit = partition.limit_minutes
    if limit is not None and minutes > limit:
        rule = f"must be at most {_clock(limit)}, the limit of partition {partition.name}"
        yield Violation(at, rule, f"write {_clock(limit)}: a longer campaign goes on in the next job", _clock(minutes))


def _size_violations(profile: SlurmProfile, partition: Partition, nodes: int) -> Iterator[Violation]:
    """The first wish that leaves too few nodes is to blame."""
    wanted = {
        "cpus_per_node": profile.cpus_per_node,
        "memory_gb_per_node": profile.memory_mb_per_node or 0,
        "gpus_per_node": profile.gpus_per_node,
    }
    wishes = [0, 0, 0]
    for number, (name, wish) in enumerate(wanted.items()):
        before = partition.fitting(*wishes)
        wishes[number] = wish
        fitting = partition.fitting(*wishes)
        if fitting < nodes <= before:
            most = _most(name, partition)
            rule = f"must leave {nodes} nodes of partition {partition.name} to choose from, and {fitting} have so much"
            yield Violation((name,), rule, f"its nodes have up to {most}")
            return
    if partition.fitting(0, 0, 0) < nodes:
        most_nodes = partition.fitting(0, 0, 0)
        rule = f"must be at most {most_nodes}, the nodes of partition {partition.name}"
        yield Violation(("nodes",), rule, f"write {most_nodes} or fewer")


def _most(name: str, partition: Partition) -> str:
    if name == "memory_gb_per_node":
        return f"{max(group.memory_mb for group in partition.groups) / 1024:.4g}"
    return str(max(group.cpus if name == "cpus_per_node" else group.gpus for group in partition.groups))


def _account_violations(profile: SlurmProfile, accounts: Mapping[str, tuple[str, ...]]) -> Iterator[Violation]:
    if profile.account is not None and profile.account not in accounts:
        rule = f"must be an account that you may charge: {_listed(accounts)}"
        yield Violation(("account",), rule, suggestion(profile.account, accounts))
        return
    usable = (
        accounts[profile.account] if profile.account else sorted({qos for each in accounts.values() for qos in each})
    )
    if profile.qos is not None and usable and profile.qos not in usable:
        of = f" with account {profile.account}" if profile.account else ""
        yield Violation(
            ("qos",), f"must be a QOS that you may use{of}: {_listed(usable)}", suggestion(profile.qos, usable)
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "there is none"


def _clock(minutes: int) -> str:
    days, rest = divmod(minutes, 24 * 60)
    clock = f"{rest // 60:02d}:{rest % 60:02d}:00"
    return f"{days}-{clock}" if days else clock
