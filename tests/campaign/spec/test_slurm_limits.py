"""Slurm profiles: what they say, and what of it a cluster would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.plan.keys import PROJECT
from campaign.spec.load import SpecError, load_profile
from campaign.spec.profile import SlurmProfile
from cluster.slurm.inventory import Inventory, NodeGroup, Partition

SHIPPED = PROJECT / "specs" / "profiles" / "slurm.yaml"

PARTITIONS = {
    "main": Partition("main", True, True, None, (NodeGroup(2, 4, 6000, 2), NodeGroup(1, 64, 256000, 6))),
    "short": Partition("short", False, True, 30, (NodeGroup(2, 4, 6000, 0),)),
    "old": Partition("old", False, False, 7 * 24 * 60, (NodeGroup(1, 8, 8000, 0),)),
}
CLUSTER = Inventory(PARTITIONS, {"optics": ("normal", "high"), "guests": ("normal",)})


def write(folder: Path, text: str) -> Path:
    path = folder / "profile.yaml"
    path.write_text(f"kind: slurm\n{text}", encoding="utf-8")
    return path


def mistakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, cluster: Inventory | None = CLUSTER) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("campaign.spec.load.has_slurm", lambda: cluster is not None)
    monkeypatch.setattr("campaign.spec.load.read_inventory", lambda: cluster)
    write(tmp_path, text)
    try:
        load_profile("profile.yaml", on_cluster=True)
    except SpecError as error:
        return str(error)
    return ""


def test_the_shipped_profile_loads_everywhere() -> None:
    profile = load_profile(SHIPPED)
    assert isinstance(profile, SlurmProfile)
    assert (profile.nodes, profile.cpus_per_node, profile.time_limit) == (2, 4, 720)
    assert profile.planned_workers() == 8


GOOD = "cpus_per_node: 2\ntime_limit: 1:00:00\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "cpus_per_node: 2\ntime_limit: soon\n",
            "3:13: time_limit: must be a time as Slurm reads it, got 'soon'; write 45 (minutes), 12:00:00 or "
            "2-00:00:00",
        ),
        (
            "cpus_per_node: 2\ntime_limit: 3\n",
            "3:13: time_limit: must be at least twice end_seconds, which is 120, got 3; write at least 4 minutes, or a "
            "smaller end_seconds",
        ),
        (
            "cpus_per_nodes: 2\ntime_limit: 60\n",
            "2:1: cpus_per_nodes: is not a known key, got 'cpus_per_nodes'; did you mean 'cpus_per_node'?",
        ),
    ],
)
def test_mistakes_that_no_cluster_is_needed_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, lines: str
) -> None:
    expected = "\n".join(f"profile.yaml:{line}" for line in lines.splitlines())
    assert mistakes(monkeypatch, tmp_path, text, cluster=None) == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            f"{GOOD}partition: mian\n",
            "4:12: partition: must be a partition of this cluster: main, old, short, got 'mian'; did you mean 'main'?",
        ),
        (
            f"{GOOD}partition: old\n",
            "4:12: partition: must be a partition that takes jobs, and this one is down, got 'old'; choose "
            "another: `sinfo`",
        ),
        (
            f"{GOOD}partition: short\n",
            "3:13: time_limit: must be at most 00:30:00, the limit of partition short, got 01:00:00; write "
            "00:30:00: a longer campaign goes on in the next job",
        ),
        (
            f"{GOOD}nodes: 4\n",
            "4:8: nodes: must be at most 3, the nodes of partition main, got 4; write 3 or fewer",
        ),
        (
            f"{GOOD}nodes: 2\ngpus_per_node: 3\n",
            "5:16: gpus_per_node: must leave 2 nodes of partition main to choose from, and 1 have so much, got "
            "3; its nodes have up to 6",
        ),
        (
            f"{GOOD}memory_gb_per_node: 500\n",
            "4:21: memory_gb_per_node: must leave 1 nodes of partition main to choose from, and 0 have so much,"
            " got 500; its nodes have up to 250",
        ),
        (
            f"{GOOD}account: optic\n",
            "4:10: account: must be an account that you may charge: guests, optics, got 'optic'; did you mean "
            "'optics'?",
        ),
        (
            f"{GOOD}account: guests\nqos: high\n",
            "5:6: qos: must be a QOS that you may use with account guests: normal, got 'high'; known: normal",
        ),
        (
            f"{GOOD}worker_jobs: {{count: 2, time_limit: 45, partition: short}}\n",
            "4:37: worker_jobs.time_limit: must be at most 00:30:00, the limit of partition short, got "
            "00:45:00; write 00:30:00: a longer campaign goes on in the next job",
        ),
    ],
)
def test_what_the_cluster_would_refuse_is_told_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, lines: str
) -> None:
    expected = "\n".join(f"profile.yaml:{line}" for line in lines.splitlines())
    assert mistakes(monkeypatch, tmp_path, text) == expected


def test_what_the_cluster_has_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = f"{GOOD}partition: main\naccount: optics\nqos: high\nnodes: 3\ngpus_per_node: 2\nmemory_gb_per_node: 5\n"
    assert mistakes(monkeypatch, tmp_path, text) == ""


def test_where_nobody_keeps_accounts_none_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert mistakes(monkeypatch, tmp_path, f"{GOOD}account: any\n", Inventory(PARTITIONS, None)) == ""
