"""GAN training over virtual nodes: ranks and nodes die, the losses come out as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gan_driver import HOLD_STEP, NODE_CUT
from virtual_nodes import VirtualNodes, why_not

from ganmdn.gan_checkpoint import HISTORY_FILE, LOSSES, TrainingHistory

ROOT = Path(__file__).parents[3]
DRIVER, REFERENCE = (Path(__file__).with_name(f"gan_{name}.py") for name in ("driver", "reference"))
FLOAT_NOISE = 1e-4

pytestmark = [
    pytest.mark.ray,
    pytest.mark.long,
    pytest.mark.heavy,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]


class TrainingOnNodes:
    """A training whose driver runs on node 1, and whose other nodes may be cut and come back."""

    def __init__(self, nodes: VirtualNodes, folder: Path, stack: ExitStack) -> None:
        self.nodes, self.folder, self._stack = nodes, folder, stack
        self.processes: dict[int, subprocess.Popen[str]] = {}

    def start(self, cpus_on: list[int], ranks: int, killed_rank: int = -1) -> None:
        (self.folder / "ray").mkdir()
        told = (str(self.folder), self.nodes.address(1), str(len(cpus_on)), str(cpus_on[0]), str(ranks))
        self._run(1, [sys.executable, str(DRIVER), *told, str(killed_rank)])
        for node, cpus in enumerate(cpus_on[1:], start=2):
            self.power_on(node, cpus)

    def power_on(self, node: int, cpus: int) -> None:
        options = ["--rendezvous", str(self.folder / "ray"), "--cpus", str(cpus), "--host", self.nodes.address(node)]
        self._run(node, [sys.executable, "-m", "cluster.node.keeper", "worker", *options])

    def power_cut(self, node: int) -> None:
        """Cut a node while the training holds at a step."""
        self._wait(lambda: any(report["step"] >= HOLD_STEP for report in self.reports()), f"no step {HOLD_STEP}")
        self.processes[node].kill()
        self.processes[node].wait()
        (self.folder / NODE_CUT).touch()

    def _run(self, node: int, command: list[str]) -> None:
        log = self._stack.enter_context((self.folder / f"node{node}.log").open("a"))
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = self.nodes.run(node, command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.processes[node] = process
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)

    def result(self) -> dict[str, Any]:
        self._wait(lambda: self.processes[1].poll() is not None, "the driver does not end")
        assert self.processes[1].returncode == 0, (self.folder / "node1.log").read_text()
        return dict(json.loads((self.folder / "result.json").read_text()))

    def reports(self) -> list[dict[str, float]]:
        try:
            lines = (self.folder / "reports.jsonl").read_text().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def hosts(self, rank: int) -> list[str]:
        """Last part of the names of the nodes on which the rank started, in order."""
        return [name.rpartition("-")[2] for name in (self.folder / f"hosts-{rank}.txt").read_text().split()]

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 900
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {(self.folder / 'node1.log').read_text()}"
            assert self.processes[1].poll() in (None, 0), (self.folder / "node1.log").read_text()
            time.sleep(0.2)


def assert_same_curve(checkpoint: str, undisturbed: Path) -> None:
    ours, theirs = (TrainingHistory.load(Path(folder) / HISTORY_FILE) for folder in (checkpoint, undisturbed))
    np.testing.assert_array_equal(ours.step, theirs.step)
    for name in LOSSES:
        np.testing.assert_allclose(ours.losses[name], theirs.losses[name], rtol=FLOAT_NOISE)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def on_nodes(count: int, folder: Path, stack: ExitStack) -> TrainingOnNodes:
    nodes = VirtualNodes(count)
    stack.enter_context(nodes.connected())
    folder.mkdir()
    return TrainingOnNodes(nodes, folder, stack)


def undisturbed(ranks: int, folder: Path) -> Path:
    """Checkpoint of the same training in processes of this machine that torch alone connects."""
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, str(REFERENCE), str(folder)]
    processes = [subprocess.Popen([*command, str(rank), str(ranks)], env=environment) for rank in range(ranks)]
    assert [process.wait(timeout=600) for process in processes] == [0] * ranks
    (checkpoint,) = (folder / "rank-0").iterdir()
    return checkpoint


@pytest.mark.slow  # test_training.py kills a rank with every change
def test_a_killed_rank_and_a_killed_node_change_nothing(tmp_path: Path, stack: ExitStack) -> None:
    expected = undisturbed(2, tmp_path / "undisturbed")
    training = on_nodes(3, tmp_path / "disturbed", stack)
    training.start([1, 1], ranks=2, killed_rank=1)
    training.power_cut(2)
    training.power_on(3, cpus=1)  # another takes its place
    result = training.result()
    assert (training.folder / "rank-killed").exists()
    assert result["restarts"] == 2
    starts = [sorted(hosts) for hosts in zip(training.hosts(0), training.hosts(1), strict=True)]
    assert starts == [["1", "2"], ["1", "2"], ["1", "3"]]
    assert_same_curve(result["checkpoint"], expected)


@pytest.mark.slow
def test_three_ranks_wait_for_a_node_to_come_back(tmp_path: Path, stack: ExitStack) -> None:
    expected = undisturbed(3, tmp_path / "undisturbed")
    training = on_nodes(3, tmp_path / "disturbed", stack)
    training.start([1, 1, 1], ranks=3, killed_rank=2)
    training.power_cut(3)
    time.sleep(45)  # the cluster notices, and has no room for the third rank
    assert not (training.folder / "result.json").exists()
    training.power_on(3, cpus=1)
    result = training.result()
    assert result["restarts"] == 2
    starts = [sorted(hosts) for hosts in zip(*map(training.hosts, range(3)), strict=True)]
    assert starts == [["1", "2", "3"]] * 3
    assert_same_curve(result["checkpoint"], expected)
