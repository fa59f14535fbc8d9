"""A Ray to run on: started on this machine for the time of a ``with`` block, or joined where one stands.

On a laptop::

    with runtime.start(cpus=2) as ray_runtime: ...

On the first node of an allocation, with a folder that all its nodes see; the other nodes run
``python -m cluster.node.keeper worker --rendezvous FOLDER``, and end with the head::

    with runtime.start(rendezvous=folder, host="auto") as ray_runtime:
        runtime.wait_for_nodes(3, timeout_s=300)

A driver on another machine of that cluster, or a second one on the first::

    head = rendezvous.wait_for_head(folder, timeout_s=60)
    with runtime.join(head.address, token=Path(head.token_file)) as ray_runtime: ...
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import ray

from cluster.driver.access import token_in_use
from cluster.driver.connection import connection
from cluster.driver.kept_node import kept_node
from cluster.driver.offer import offered, offered_cpus
from cluster.driver.ray_private import LIBRARY_SETTINGS, job_without_working_folder, loopback_kept, print_nothing
from cluster.driver.source import Source, worker_setup_hook
from cluster.node.command import DEFAULT_OBJECT_STORE_MB, LOOPBACK, SINGLE_THREAD, source_path
from cluster.node.processes import has_node_of
from cluster.node.rendezvous import Head, answers
from cluster.node.temp_folder import FALLBACK, check_temp_dir, why_not_default

log = logging.getLogger(__name__)

NODE_POLL_SECONDS = 0.2


@dataclass
class RayRuntime:
    """A connected Ray; leaving its ``with`` block ends what :func:`start` began and nothing else.

    Attributes
    ----------
    address
        ``host:port`` of the cluster, for a second process to join.
    cpus
        CPUs that the cluster offers to tasks.
    gpus
        GPUs that the cluster offers to tasks.
    dashboard_url
        Address of the dashboard, or None when there is none. It asks for the token.
    token_file
        File with the token of a cluster that was started here; None: the environment's counts.
    """

    address: str
    cpus: int
    gpus: int
    dashboard_url: str | None
    token_file: Path | None
    _stack: ExitStack = field(repr=False)
    _keeper: subprocess.Popen[str] | None = field(repr=False)

    @property
    def is_gone(self) -> bool:
        """Whether the node that was started on this machine for it has ended by itself, some seconds ago.

        Calls into Ray then take a minute, at the end of which Ray ends this process.
        """
        return self._keeper is not None and self._keeper.poll() is not None

    def present_cpus(self) -> int | None:
        """CPUs that the cluster offers by now, since nodes may come and go; None when it does not answer."""
        try:
            with connection.in_use():
                return offered_cpus() if ray.is_initialized() else None
        except Exception:  # it is ending, or the head is gone: whoever waits for work will hear of it
            return None

    def close(self) -> None:
        """End the Ray that was started here, or only leave the one that was joined; a second call does nothing."""
        self._keeper = None  # from now on its end is no news
        self._stack.close()

    def __enter__(self) -> RayRuntime:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_cluster_alive() -> bool:
    """Whether Ray is connected to a cluster with a living node; a death shows after some seconds."""
    try:
        with connection.in_use():
            return ray.is_initialized() and any(node["Alive"] for node in ray.nodes())
    except (ray.exceptions.RayError, RuntimeError, OSError):
        return False


def start(
    *,
    cpus: int | None = None,
    gpus: int | None = None,
    dashboard: bool = False,
    temp_dir: Path | None = None,
    object_store_mb: int = DEFAULT_OBJECT_STORE_MB,
    rendezvous: Path | None = None,
    host: str | None = None,
    logs: Path | None = None,
) -> RayRuntime:
    """Start a Ray on this machine and connect; it shares nothing with other Rays, see :mod:`cluster.node.keeper`.

    Parameters
    ----------
    cpus
        CPUs to offer to tasks; None offers those that were granted to this process.
    gpus
        GPUs to offer to tasks; None offers those that Slurm granted, and none outside of Slurm.
    dashboard
        Also start the dashboard.
    temp_dir
        Folder for Ray's sockets and logs; it stays afterwards. None makes one and removes it.
    object_store_mb
        Shared memory for arguments and results, in MiB.
    rendezvous
        Folder, seen by all machines of a cluster, where other nodes find this head; a new one for each
        cluster. None: no others will come.
    host
        Address of this machine for others; "auto" finds it; None keeps to the loopback interface.
    logs
        Folder into which Ray's logs are copied in the end, if they are wanted.

    Raises
    ------
    RuntimeError
        This process already runs Ray, or Ray does not start.
    ValueError
        ``temp_dir`` is too long for Ray's sockets or not in ASCII, or a number is out of range.
    """
    _refuse_second_ray()
    if cpus is not None and cpus < 1:
        raise ValueError(f"cpus must be at least 1, got {cpus}; leave it out to offer all CPUs")
    if temp_dir is not None:
        check_temp_dir(temp_dir.absolute())
    elif (reason := why_not_default()) is not None:
        log.warning("Ray's sockets and logs are in %s. %s", FALLBACK, reason)
    told = {
        "cpus": cpus,
        "gpus": gpus,
        "temp-dir": temp_dir,
        "object-store-mb": object_store_mb,
        "rendezvous": rendezvous,
        "host": host,
        "logs": logs,
    }
    options = [f"--{name}={value}" for name, value in told.items() if value is not None]
    with ExitStack() as stack:
        keeper, announcement = stack.enter_context(kept_node(["head", *options, *["--dashboard"] * dashboard]))
        head = Head(**announcement)
        return _connect(stack, keeper, head.address, Path(head.token_file), has_dashboard=dashboard)


def join(
    address: str, *, token: Path | None = None, source: Source | None = None, pip: Sequence[str] = ()
) -> RayRuntime:
    """Connect to a Ray that stands already; it is left as it was.

    Drivers need a node of the cluster on their own machine. Where there is none, one without CPUs joins for as long
    as the driver is connected.

    Parameters
    ----------
    address
        ``host:port`` of its head, or ``"auto"`` for the one on this machine.
    token
        File with its token; None: what the environment says, or Ray's own file of the user.
    source
        Code for its workers; None: they find this source tree where it stands.
    pip
        Requirements that Ray installs for these workers first.

    Raises
    ------
    RuntimeError
        This process already runs Ray, or another version of it or of Python than the cluster.
    ConnectionError
        No cluster answers at ``address``.
    """
    _refuse_second_ray()
    with ExitStack() as stack:
        stack.enter_context(token_in_use(token))
        keeper = None
        if address != "auto":
            if not answers(address):
                raise ConnectionError(
                    f"no Ray answers at {address}; start it there with `ray start --head`, or correct the address"
                )
            if not has_node_of(address):
                node = ["worker", f"--address={address}", "--cpus=0", "--gpus=0"]
                keeper, _ = stack.enter_context(kept_node(node))
        return _connect(stack, keeper, address, None, has_dashboard=True, source=source, pip=pip)


def wait_for_nodes(count: int, timeout_s: float) -> int:
    """Wait until so many nodes of the connected Ray are alive, for at most ``timeout_s``; returns how many are."""
    deadline = time.monotonic() + timeout_s
    while (alive := len(alive_nodes())) < count and time.monotonic() < deadline:
        time.sleep(NODE_POLL_SECONDS)
    return alive


def alive_nodes() -> list[dict[str, Any]]:
    """Nodes of the connected Ray that are alive, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def worker_runtime(source: Source | None = None, pip: Sequence[str] = ()) -> dict[str, Any]:
    """Runtime environment of every worker: one BLAS thread, quiet libraries, and the driver's code.

    The code is this source tree where it stands, or a copy of ``source`` that is shipped to each node.
    """
    variables = {**SINGLE_THREAD, **LIBRARY_SETTINGS, **(source_path() if source is None else {})}
    environment: dict[str, Any] = {"env_vars": variables}
    if source is not None:
        environment |= source.runtime_env()
    if pip:
        environment["pip"] = list(pip)
    if (hook := worker_setup_hook()) is not None:
        environment["worker_process_setup_hook"] = hook
    return environment


def _refuse_second_ray() -> None:
    if ray.is_initialized():
        raise RuntimeError("this process already runs Ray, and can run one only; close it first")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def _connect(
    stack: ExitStack,
    keeper: subprocess.Popen[str] | None,
    address: str,
    token: Path | None,
    *,
    has_dashboard: bool,
    source: Source | None = None,
    pip: Sequence[str] = (),
) -> RayRuntime:
    """Connect this process; what is on the stack ends with the runtime, or at once if there is none."""
    stack.enter_context(token_in_use(token))
    stack.callback(connection.end)  # from a cluster that others started it merely disconnects
    context = _quiet_init(address, worker_runtime(source, pip))
    resources = offered()
    return RayRuntime(
        address=context.address_info["address"],
        cpus=int(resources.get("CPU", 0)),
        gpus=int(resources.get("GPU", 0)),
        dashboard_url=f"http://{context.dashboard_url}" if has_dashboard and context.dashboard_url else None,
        token_file=token,
        _stack=stack.pop_all(),
        _keeper=keeper,
    )


def _quiet_init(address: str, runtime_env: dict[str, Any]) -> Any:
    print_nothing()
    with warnings.catch_warnings(), loopback_kept(address.startswith(f"{LOOPBACK}:")):
        # Ray announces a coming default for CUDA_VISIBLE_DEVICES to everybody who starts it.
        warnings.simplefilter("ignore", FutureWarning)
        return ray.init(
            address,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            runtime_env=runtime_env,
            job_config=job_without_working_folder(),
        )
