"""The command and the environment that make one Ray node of this machine: every port, size and count is told."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.node.ports import PortBlock

DEFAULT_OBJECT_STORE_MB = 256
LOOPBACK = "127.0.0.1"

# Ray replaces the loopback address by one that others reach, and then listens to everybody, unless it is told here
# that this machine is no part of a cluster. The name is for other systems, the effect is the same on Linux.
LOOPBACK_VARIABLE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"

# One thread a worker: parallelism is between processes, and torch's batched complex solve is wrong with more.
SINGLE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class NodeSize:
    """What a node offers, and what it takes for itself.

    Attributes
    ----------
    cpus
        Processors that tasks may use; 0 for a node that only lets a driver join.
    gpus
        Graphics processors that tasks may use.
    object_store_mb
        Shared memory for arguments and results, in MiB.
    memory_mb
        Memory of tasks in MiB; None lets Ray take what the machine has.
    """

    cpus: int
    gpus: int = 0
    object_store_mb: int = DEFAULT_OBJECT_STORE_MB
    memory_mb: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("cpus", 0), ("gpus", 0), ("object_store_mb", 80)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")


def start_command(
    size: NodeSize, ports: PortBlock, host: str, temp_dir: Path, *, head: str | None, dashboard: bool = False
) -> list[str]:
    """The command that runs the node until it is ended.

    Parameters
    ----------
    size
        What it offers.
    ports
        Where its services listen.
    host
        Address of this machine; the loopback one keeps other machines out.
    temp_dir
        Folder for its sockets and logs.
    head
        ``host:port`` of the head that it joins; None makes it the head.
    dashboard
        Whether a head also has the dashboard.
    """
    options: dict[str, Any] = {
        "node-ip-address": host,
        "node-manager-port": ports.node_manager,
        "object-manager-port": ports.object_manager,
        "dashboard-agent-listen-port": ports.agent_http,
        "dashboard-agent-grpc-port": ports.agent_grpc,
        "runtime-env-agent-port": ports.runtime_env_agent,
        "metrics-export-port": ports.metrics,
        # Workers bind what the kernel gives them: such ports are nobody else's.
        "min-worker-port": 0,
        "max-worker-port": 0,
        "num-cpus": size.cpus,
        "num-gpus": size.gpus,
        "object-store-memory": size.object_store_mb * 2**20,
        "temp-dir": temp_dir,
    }
    if size.memory_mb is not None:
        options["memory"] = size.memory_mb * 2**20
    flags = ["--block", "--disable-usage-stats", "--log-color=false"]
    if head is None:
        flags += ["--head", "--no-monitor"]  # the monitor serves autoscaling, and its port cannot be told
        options |= {"port": ports.head, "dashboard-host": host, "dashboard-port": ports.dashboard}
        if not dashboard:  # said to be wanted, one that cannot start would end the head
            options["include-dashboard"] = "false"
    else:
        options["address"] = head
    told = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", *flags, *told]


def node_environment(size: NodeSize, ports: PortBlock, drain_seconds: float, *, alone: bool) -> dict[str, str]:
    """Changes to the environment of :func:`start_command`, which the node's workers inherit.

    Parameters
    ----------
    size
        What the node offers.
    ports
        Where its services listen.
    drain_seconds
        Time for work to move away before the node ends.
    alone
        Whether it is a head on the loopback interface, which no other node can join.
    """
    environment = {
        **SINGLE_THREAD,
        **source_path(),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_START_HOOK": f"{__name__}.leave_out_what_nobody_uses",
        # No idle worker for each CPU at the start: ours have an environment of their own, so that none of them serves.
        "RAY_prestart_worker_first_driver": "0",
        "DASHBOARD_METRIC_PORT": str(ports.dashboard_metrics),
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(drain_seconds),
        "RAY_ADDRESS": "",
    }
    if alone:
        environment[LOOPBACK_VARIABLE] = "0"
    if size.gpus == 0:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return environment


def source_path() -> dict[str, str]:
    """PYTHONPATH that lets processes of this machine import this source tree; empty where it is installed."""
    source = Path(__file__).resolve().parents[2]
    if "site-packages" in source.parts:
        return {}
    inherited = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(part for part in (str(source), inherited) if part)}


def leave_out_what_nobody_uses(parameters: Any, head: bool) -> None:
    """Ray calls it before it starts a node: no server for ``ray://``, which is 90 MB and a door; no copying of logs.

    Ray's log monitor sends what workers print to drivers, which ours do not ask for.
    """
    parameters.include_log_monitor = False
    if head:
        parameters.ray_client_server_port = None
