"""Nodes of a standing cluster that cannot do the work are told before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.driver.node_checks import NodeFacts, NodesDifferError, check_nodes, differences

OWN = NodeFacts({"Python": "3.11.7", "numpy": "2.1.0", "torch": "2.6.0"}, (True, True))
FOLDERS = [Path("/shared/runs"), Path("/shared/cache")]


def test_nodes_that_have_all_are_told_nothing() -> None:
    assert differences(OWN, {"node1": OWN, "node2": OWN}, FOLDERS) == []


def test_every_difference_is_told_with_what_to_do() -> None:
    there = NodeFacts({"Python": "3.11.9", "numpy": "2.1.0", "torch": None}, (True, False))
    assert differences(OWN, {"node1": OWN, "node2": there, "node3": "cannot run a task: no space left"}, FOLDERS) == [
        "node2: Python is 3.11.9 there, 3.11.7 here; install the same version on both",
        "node2: torch is missing there, 2.6.0 here; install the same version on both",
        "node2: does not see /shared/cache; name a folder that all share (--runs, cache:)",
        "node3: cannot run a task: no space left",
    ]


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_a_node_is_asked_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_nodes(["ray", "numpy"], [tmp_path / "runs"])
    assert list((tmp_path / "runs").iterdir()) == []
    # On the node the real answer is given, since workers import the module anew.
    monkeypatch.setattr("cluster.driver.node_checks.platform.python_version", lambda: "3.0.0")
    with pytest.raises(
        NodesDifferError,
        match=r"^this cluster cannot do the work as it is:\n.*: Python is 3\.\d+\.\d+ there, 3.0.0 here",
    ):
        check_nodes([], [])
