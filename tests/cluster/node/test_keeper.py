"""Keepers of Ray nodes: several clusters side by side on one machine, and nothing left of any of them."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.driver.runtime import RayRuntime
from cluster.node.allocation import Allocation
from cluster.node.command import LOOPBACK_VARIABLE, NodeSize, node_environment, start_command
from cluster.node.ports import PortBlock
from cluster.node.processes import descendants
from cluster.node.rendezvous import Head, announce, read_head, wait_for_head, withdraw

ROOT = Path(__file__).parents[3]
PAIRS = 50
HEAD = Head("127.0.0.1:1", None, "/run/token", "node1", 7)

# A campaign's driver in small: a Ray of its own, one task, the end. Prints one line of JSON.
DRIVER = """
import json, os, sys
import ray
from cluster.driver import runtime
with runtime.start(cpus=1) as started:
    answer = ray.get(ray.remote(lambda value: (value, os.environ["RAY_AUTH_TOKEN_PATH"])).remote(sys.argv[1]))
    print(json.dumps([started.address, *answer]))
"""

HOLDING_DRIVER = """
import sys
from pathlib import Path
from cluster.driver import runtime
with runtime.start(cpus=1, rendezvous=Path(sys.argv[1]), logs=Path(sys.argv[1]) / "logs", host="auto") as started:
    print(runtime.wait_for_nodes(2, timeout_s=120), flush=True)
    input()
"""

STRANGER = """
import sys
import ray
try:
    ray.init(sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
except Exception as error:
    print(type(error).__name__)
else:
    print("let in")
"""


def python(program: str, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, text=True, **streams)  # type: ignore[call-overload]


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.mark.slow  # test_runtime.py starts one such pair with every change
@pytest.mark.ray
@pytest.mark.heavy(2)
@pytest.mark.timeout(3600)
def test_two_drivers_start_at_the_same_time_and_both_finish() -> None:
    for number in range(PAIRS):
        drivers = [python(DRIVER, f"{number}-{name}") for name in ("first", "second")]
        answers = []
        for driver in drivers:
            out, errors = driver.communicate(timeout=300)
            assert driver.returncode == 0, errors
            answers.append(json.loads(out))
        (address, value, token), (other_address, other_value, other_token) = answers
        assert (value, other_value) == (f"{number}-first", f"{number}-second")
        assert address != other_address
        assert token != other_token
        assert not Path(token).parent.exists()
        assert not Path(other_token).parent.exists()


@pytest.mark.ray
def test_who_has_no_token_is_kept_out(ray_runtime: RayRuntime) -> None:
    assert ray_runtime.token_file is not None
    assert stat.S_IMODE(ray_runtime.token_file.stat().st_mode) == 0o600
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "not-the-token", LOOPBACK_VARIABLE: "0"}
    strange = python(STRANGER, ray_runtime.address, **environment)
    assert strange.communicate(timeout=120)[0].strip() in {"AuthenticationError", "ConnectionError"}


@pytest.mark.slow  # with every change, tests/slurm/test_campaign.py makes such clusters and ends them
@pytest.mark.ray
@pytest.mark.heavy(2)
def test_a_cluster_of_two_nodes_asks_for_its_token_and_leaves_nothing_behind(tmp_path: Path) -> None:
    driver = python(HOLDING_DRIVER, tmp_path)
    options = ["worker", "--rendezvous", str(tmp_path), "--cpus", "1"]
    worker = subprocess.Popen([sys.executable, "-m", "cluster.node.keeper", *options], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "2\n"
        head = read_head(tmp_path)
        assert head is not None
        token = Path(head.token_file)
        assert token.parent == tmp_path
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        strange = python(STRANGER, head.address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="not-the-token")
        assert strange.communicate(timeout=120)[0].strip() in {"AuthenticationError", "ConnectionError"}
        below = [*descendants(driver.pid), *descendants(worker.pid)]
        commands = [Path(f"/proc/{process}/cmdline").read_text().split("\0") for process in below]
        assert sum(Path(command[0]).name == "raylet" for command in commands) == 2
        for unused in ("log_monitor.py", "default_worker.py", "setup_worker.py", "ray::IDLE"):
            assert not any(Path(part).name == unused for command in commands for part in command[:4]), unused

        os.kill(driver.pid, signal.SIGKILL)
        worker.terminate()
        assert worker.wait(timeout=120) == 0
        eventually(lambda: not any(Path(f"/proc/{process}").exists() for process in below), "processes were left")
    finally:
        driver.kill()
        driver.communicate()
        worker.kill()
        worker.communicate()
    assert read_head(tmp_path) is None
    assert any("gcs_server" in path.name for path in (tmp_path / "logs").glob("*/*"))


def test_a_keeper_that_cannot_start_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cluster.node.keeper", "head", "--temp-dir", str(tmp_path / ("x" * 60))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"ray node: temp_dir must have at most \d+ bytes, .*\n", done.stderr)


def test_a_worker_needs_to_know_its_head() -> None:
    command = [sys.executable, "-m", "cluster.node.keeper", "worker"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "ray node: a worker needs --rendezvous or --address to find the head that it joins\n"


def test_the_command_tells_every_port_size_and_count() -> None:
    size, ports = NodeSize(cpus=2, gpus=1, object_store_mb=100, memory_mb=500), PortBlock(20000)
    head = start_command(size, ports, "10.0.0.1", Path("/tmp/ray-a"), head=None)
    assert head[1:5] == ["-P", "-m", "ray.scripts.scripts", "start"]
    assert {"--head", "--block", "--port=20001", "--dashboard-port=20004", "--include-dashboard=false"} <= set(head)
    worker = start_command(size, ports, "10.0.0.2", Path("/tmp/ray-b"), head="10.0.0.1:20001")
    told = {
        "--address=10.0.0.1:20001",
        "--node-ip-address=10.0.0.2",
        "--num-cpus=2",
        "--num-gpus=1",
        "--memory=524288000",
        "--object-store-memory=104857600",
        "--temp-dir=/tmp/ray-b",
        "--min-worker-port=0",
        "--max-worker-port=0",
    }
    assert told <= set(worker)
    assert "--head" not in worker
    wanted = start_command(size, ports, "10.0.0.1", Path("/tmp/ray-a"), head=None, dashboard=True)
    assert not any(option.startswith("--include-dashboard") for option in wanted)


def test_a_node_without_gpus_sees_none() -> None:
    ports = PortBlock(20000)
    assert node_environment(NodeSize(cpus=1), ports, 0.0, alone=False)["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUDA_VISIBLE_DEVICES" not in node_environment(NodeSize(cpus=1, gpus=1), ports, 0.0, alone=False)
    assert Allocation(1).gpus == 0


@pytest.mark.parametrize("size", [{"cpus": -1}, {"cpus": 1, "gpus": -1}, {"cpus": 1, "object_store_mb": 79}])
def test_sizes_out_of_range(size: dict[str, int]) -> None:
    name, value = list(size.items())[-1]
    least = 80 if name == "object_store_mb" else 0
    with pytest.raises(ValueError, match=f"^{name} must be at least {least}, got {value}$"):
        NodeSize(**size)


def test_a_head_withdraws_its_own_announcement_alone(tmp_path: Path) -> None:
    announce(tmp_path, HEAD)
    assert read_head(tmp_path) == HEAD
    successor = Head("127.0.0.1:2", None, "/run/token", "node2", 8)
    announce(tmp_path, successor)
    withdraw(tmp_path, HEAD)
    assert read_head(tmp_path) == successor
    withdraw(tmp_path, successor)
    assert list(tmp_path.iterdir()) == []


def test_a_head_that_does_not_answer_is_none(tmp_path: Path) -> None:
    announce(tmp_path, HEAD)
    expected = f"no head of a Ray cluster announced itself in {tmp_path} and answered within 0.5 s"
    with pytest.raises(TimeoutError, match=re.escape(expected)):
        wait_for_head(tmp_path, timeout_s=0.5)
