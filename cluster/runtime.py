"""A Ray to run on: started on this machine for the time of a ``with`` block, or joined where one stands."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import ray

# Linux keeps 108 bytes for a socket's path, macOS 104, the closing zero included.
SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107

# What Ray appends at its longest: process ids have up to 7 digits, the dashboard's modules have sockets too.
LONGEST_SOCKET_SUFFIX = "/session_2000-01-01_00-00-00_000000_1234567/sockets/dash_TaskEventsHead"

# One thread a worker: parallelism is between processes, and torch's batched complex solve is wrong with more.
SINGLE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# Settings of Ray's libraries, which run in workers too.
LIBRARY_SETTINGS = {
    # Relative paths in a spec mean the same in every process.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # Train's controller takes one report of each rank per poll: Ray's 2 s would be the pace of a fast loop.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1",
    # No CSV, JSON and TensorBoard copies of what the caller is told anyway.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}

DEFAULT_OBJECT_STORE_MB = 256


@dataclass
class RayRuntime:
    """A connected Ray; leaving its ``with`` block ends what :func:`start` began and nothing else.

    Attributes:
        address: ``host:port`` of the cluster, for a second process to join.
        cpus: CPUs that the cluster offers to tasks.
        gpus: GPUs that the cluster offers to tasks.
        dashboard_url: address of the dashboard, or None when there is none. It asks for Ray's token, which
            ``ray get-auth-token`` shows.
    """

    address: str
    cpus: int
    gpus: int
    dashboard_url: str | None
    _keeper: ThreadPoolExecutor = field(repr=False)
    _own_temp_dir: Path | None = field(default=None, repr=False)

    def close(self) -> None:
        """End the local Ray, or only leave the one that was joined; a second call does nothing."""
        # Ray ends the processes that this driver started; from a joined cluster it merely disconnects.
        ray.shutdown()
        self._keeper.shutdown()
        if self._own_temp_dir is not None:
            shutil.rmtree(self._own_temp_dir, ignore_errors=True)
            self._own_temp_dir = None

    def __enter__(self) -> RayRuntime:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_cluster_alive() -> bool:
    """Whether Ray is connected to a cluster with a living node; a death shows after some seconds."""
    try:
        return ray.is_initialized() and any(node["Alive"] for node in ray.nodes())
    except (ray.exceptions.RayError, RuntimeError, OSError):
        return False


def start(
    address: str | None = None,
    *,
    cpus: int | None = None,
    gpus: int | None = None,
    dashboard: bool = False,
    temp_dir: Path | None = None,
    object_store_mb: int = DEFAULT_OBJECT_STORE_MB,
) -> RayRuntime:
    """Start a Ray of one's own on this machine, or join the one at ``address``.

    Args:
        address: ``host:port`` of a standing cluster, or ``"auto"``; None starts a local one that shares
            nothing with other Rays of this machine.
        cpus: CPUs to offer to tasks; None offers all. Local only.
        gpus: GPUs to offer to tasks; None offers all. Local only.
        dashboard: also start the dashboard, on the loopback interface and a free port. Local only.
        temp_dir: folder for Ray's sockets and logs; it stays afterwards. None makes one and removes it.
        object_store_mb: shared memory for arguments and results, in MiB. Local only.

    Raises:
        RuntimeError: this process already runs Ray.
        ValueError: ``temp_dir`` is too long for Ray's sockets, or a number is out of range.
        ConnectionError: no cluster answers at ``address``.
    """
    if ray.is_initialized():
        raise RuntimeError("start() needs a process without Ray, and this one already runs it; close it first")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is not None:
        return _connect(None, address=address)
    if cpus is not None and cpus < 1:
        raise ValueError(f"cpus must be at least 1, got {cpus}; leave it out to offer all CPUs")
    folder = _short_temp_dir() if temp_dir is None else temp_dir.absolute()
    check_temp_dir(folder)
    return _connect(
        folder if temp_dir is None else None,
        address="local",
        num_cpus=cpus,
        num_gpus=gpus,
        # None rather than True: a dashboard that cannot start is no reason to stop a run.
        include_dashboard=None if dashboard else False,
        object_store_memory=object_store_mb * 2**20,
        _temp_dir=str(folder),
    )


def check_temp_dir(folder: Path) -> None:
    """Refuse a folder under which Ray's socket paths would not fit.

    Raises:
        ValueError: the text says how long the folder may be.
    """
    allowed = SOCKET_PATH_BYTES - len(LONGEST_SOCKET_SUFFIX)
    length = len(os.fsencode(folder))
    if length > allowed:
        raise ValueError(
            f"temp_dir must have at most {allowed} bytes, because the path of a socket under it may have "
            f"{SOCKET_PATH_BYTES}; got {length}: {folder}. Choose a short folder, such as /tmp/ray-$USER"
        )


def worker_environment() -> dict[str, str]:
    """Environment of every worker: one BLAS thread, quiet libraries, this source tree importable where it stands."""
    source = Path(__file__).resolve().parents[1]
    environment = {**SINGLE_THREAD, **LIBRARY_SETTINGS}
    if "site-packages" not in source.parts:
        inherited = os.environ.get("PYTHONPATH", "")
        environment["PYTHONPATH"] = os.pathsep.join(part for part in (str(source), inherited) if part)
    return environment


def _short_temp_dir() -> Path:
    """New folder of this process alone, under the system's temporary folder unless that is too long."""
    parent = Path(tempfile.gettempdir())
    try:
        check_temp_dir(parent / "ray-12345678")
    except ValueError:
        parent = Path("/tmp")
    return Path(tempfile.mkdtemp(prefix="ray-", dir=parent))


def _connect(own_temp_dir: Path | None, **options: Any) -> RayRuntime:
    # Ray's processes ask Linux to be killed with their parent, by which it means the thread that made them. A thread
    # of their own, which lives until close(), keeps them from dying with whichever thread happened to call start().
    keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ray-keeper")
    try:
        context = keeper.submit(_quiet_init, **options).result()
    except BaseException:
        ray.shutdown()
        keeper.shutdown()
        if own_temp_dir is not None:
            shutil.rmtree(own_temp_dir, ignore_errors=True)
        raise
    resources = ray.cluster_resources()
    return RayRuntime(
        address=context.address_info["address"],
        cpus=int(resources.get("CPU", 0)),
        gpus=int(resources.get("GPU", 0)),
        dashboard_url=f"http://{context.dashboard_url}" if context.dashboard_url else None,
        _keeper=keeper,
        _own_temp_dir=own_temp_dir,
    )


def _quiet_init(**options: Any) -> Any:
    # log_to_driver leaves out the raylet's notices of dead workers, which we handle; this is Ray's switch for
    # all that it prints, the same that its debugger uses.
    ray._private.worker._worker_logs_enabled = False
    with warnings.catch_warnings():
        # Ray announces a coming default for CUDA_VISIBLE_DEVICES to everybody who starts it.
        warnings.simplefilter("ignore", FutureWarning)
        return ray.init(
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            runtime_env={"env_vars": worker_environment()},
            **options,
        )
