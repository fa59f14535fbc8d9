"""The process that keeps one Ray node: locks its ports, makes its folder, starts it, and ends all of it.

It runs on the node's machine, as a child of the driver or as a step of a Slurm job, and it does the same on a laptop
and on each node of an allocation::

    python -m cluster.node.keeper head   --rendezvous /shared/run/ray/17-0 --host auto --dashboard
    python -m cluster.node.keeper worker --rendezvous /shared/run/ray/17-0

The head announces its address and its token in the rendezvous, a folder that all nodes see; give each cluster a new
one. Workers wait for the announcement. CPUs, GPUs and memory are those that Slurm granted to the step unless they are
told. When the node is up, one line of JSON is printed. SIGTERM ends the node and everything that it began, by process
id; so does the end of the standard input with ``--lifeline``, which the driver's death brings about. Exit code 0:
ended because it was told so; 1: Ray did not start, or ended by itself, and standard error says why.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.node.addresses import address_towards, public_address
from cluster.node.allocation import allocation
from cluster.node.command import DEFAULT_OBJECT_STORE_MB, LOOPBACK, NodeSize, node_environment, start_command
from cluster.node.ports import PortBlock, lock_block
from cluster.node.processes import adopt_orphans, end_with_parent, kill_descendants
from cluster.node.rendezvous import Head, announce, answers, wait_for_head, withdraw
from cluster.node.temp_folder import check_temp_dir, make_temp_dir
from cluster.node.token import make_token, token_environment

START_ATTEMPTS = 3  # a port may be taken between the look at it and Ray's use of it
START_SECONDS = 180.0
HEAD_SECONDS = 600.0
END_SECONDS = 15.0
POLL_SECONDS = 0.1
LOG_FILE = "ray-start.log"
STARTED = b"Ray runtime started."  # in that file
LOG_LINES = 15


class NodeFailedError(Exception):
    """Ray did not start, or ended without being told."""


@dataclass(frozen=True)
class Keeping:
    """What one keeper is told.

    Attributes
    ----------
    role
        ``head``, or ``worker``, which joins one.
    size
        What the node offers.
    rendezvous
        Where the head is announced; None for a head that only its driver needs to find.
    address
        Head that a worker joins, in place of a rendezvous; its token is the environment's.
    host
        Address of this machine for the others; None: the loopback one for a head, and for a worker the one
        from which it reaches the head.
    temp_dir
        Folder for sockets and logs, which stays; None makes one and removes it.
    logs
        Where Ray's logs are copied in the end, into a folder named by the machine; None leaves them.
    dashboard
        Whether a head has the dashboard.
    drain_seconds
        Time for Ray to move work away before the node ends.
    """

    role: str
    size: NodeSize
    rendezvous: Path | None = None
    address: str | None = None
    host: str | None = None
    temp_dir: Path | None = None
    logs: Path | None = None
    dashboard: bool = False
    drain_seconds: float = 0.0


class Keeper:
    """Runs one node until ``told_to_end`` is set."""

    def __init__(self, keeping: Keeping, told_to_end: threading.Event) -> None:
        self.keeping = keeping
        self._told_to_end = told_to_end

    def keep(self) -> None:
        """Start the node, say so, and wait for its end.

        Raises
        ------
        NodeFailedError
            Ray did not start or ended by itself.
        TimeoutError
            No head to join.
        ValueError
            An argument out of range.
        RuntimeError
            No free ports.
        """
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                with self._node() as node:
                    while node.poll() is None and not self._told_to_end.wait(POLL_SECONDS):
                        pass
                    if not self._told_to_end.is_set():
                        raise NodeFailedError(f"Ray's node on {socket.gethostname()} ended by itself")
                return
            except _NotUpError as error:
                if attempt == START_ATTEMPTS:
                    raise NodeFailedError(f"Ray did not start on {socket.gethostname()}: {error}") from error

    @contextmanager
    def _node(self) -> Iterator[subprocess.Popen[bytes]]:
        """A node that is up and announced; all of it is gone afterwards."""
        with ExitStack() as stack:
            ports = stack.enter_context(lock_block())
            folder = stack.enter_context(self._folder())
            host, head, token = self._find_place(folder)
            command = start_command(self.keeping.size, ports, host, folder, head=head, dashboard=self.keeping.dashboard)
            changes = node_environment(
                self.keeping.size, ports, self.keeping.drain_seconds, alone=head is None and host == LOOPBACK
            )
            environment = os.environ | changes | (token_environment(token) if token is not None else {})
            node = stack.enter_context(_running(command, environment, folder / LOG_FILE))
            services = [ports.node_manager] if head else [ports.head, ports.node_manager]
            self._wait_until_up(node, [f"{host}:{port}" for port in services], folder / LOG_FILE)
            if head is None and token is not None:
                stack.enter_context(self._announced(self._describe(host, ports, token)))
            elif not self._told_to_end.is_set():
                print(json.dumps({"address": head, "host": socket.gethostname(), "keeper": os.getpid()}), flush=True)
            yield node

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        given = self.keeping.temp_dir
        folder = make_temp_dir() if given is None else given.absolute()
        check_temp_dir(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            if self.keeping.logs is not None:
                _copy_logs(folder, self.keeping.logs / socket.gethostname())
            if given is None:
                shutil.rmtree(folder, ignore_errors=True)

    def _find_place(self, folder: Path) -> tuple[str, str | None, Path | None]:
        """Address of this machine, of the head to join (None for a head), and the cluster's token file."""
        keeping = self.keeping
        if keeping.role == "head":
            if keeping.rendezvous is not None:
                keeping.rendezvous.mkdir(parents=True, exist_ok=True)
            host = public_address() if keeping.host == "auto" else keeping.host or LOOPBACK
            return host, None, make_token((keeping.rendezvous or folder).absolute())
        if keeping.address is not None:
            head, token = keeping.address, None
        elif keeping.rendezvous is not None:
            found = wait_for_head(keeping.rendezvous, HEAD_SECONDS, self._told_to_end.is_set)
            head, token = found.address, Path(found.token_file)
        else:
            raise ValueError("a worker needs --rendezvous or --address to find the head that it joins")
        return keeping.host or address_towards(head), head, token

    def _wait_until_up(self, node: subprocess.Popen[bytes], services: Sequence[str], log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        # Services answer before Ray has seen all of its node: what it says last counts, too.
        while not (all(map(answers, services)) and STARTED in log.read_bytes()):
            if self._told_to_end.is_set():
                return
            if node.poll() is not None:
                raise _NotUpError(_tail(log))
            if time.monotonic() > deadline:
                raise _NotUpError(f"no answer from {', '.join(services)} within {START_SECONDS:g} s\n{_tail(log)}")
            time.sleep(POLL_SECONDS)

    def _describe(self, host: str, ports: PortBlock, token: Path) -> Head:
        return Head(
            address=f"{host}:{ports.head}",
            dashboard=f"{host}:{ports.dashboard}" if self.keeping.dashboard else None,
            token_file=str(token),
            host=socket.gethostname(),
            keeper=os.getpid(),
        )

    @contextmanager
    def _announced(self, head: Head) -> Iterator[None]:
        folder = self.keeping.rendezvous
        if folder is not None:
            announce(folder, head)
        print(json.dumps(asdict(head)), flush=True)
        try:
            yield
        finally:
            if folder is not None:
                withdraw(folder, head)


class _NotUpError(Exception):
    """One attempt to start Ray failed."""


@contextmanager
def _running(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own session, whose end takes everything below this process with it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the driver, which ends the node when it is ready to
            preexec_fn=end_with_parent,  # noqa: PLW1509  (one call into the kernel, which takes no lock)
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        kill_descendants()


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n".join(lines[-LOG_LINES:])


def _copy_logs(temp_dir: Path, target: Path) -> None:
    """Keep Ray's logs; they are help for the reader, so what cannot be copied is left out."""
    target.mkdir(parents=True, exist_ok=True)
    for path in [temp_dir / LOG_FILE, *temp_dir.glob("session_*/logs/*")]:
        if path.is_file() and not path.is_symlink():
            shutil.copy(path, target / path.name)


def _parse(arguments: Sequence[str] | None) -> tuple[Keeping, bool]:
    parser = argparse.ArgumentParser(
        prog="python -m cluster.node.keeper", description="Keep one Ray node of this machine."
    )
    parser.add_argument("role", choices=("head", "worker"))
    parser.add_argument("--rendezvous", type=Path, help="folder that all nodes see, a new one for each cluster")
    parser.add_argument("--address", help="host:port of a standing cluster's head, in place of a rendezvous")
    parser.add_argument("--host", help="address of this machine; 'auto': the one that other machines reach")
    parser.add_argument("--cpus", type=int, help="default: what was granted here")
    parser.add_argument("--gpus", type=int, help="default: what Slurm granted here")
    parser.add_argument("--memory-mb", type=int, help="default: what Slurm granted here")
    parser.add_argument("--object-store-mb", type=int, default=DEFAULT_OBJECT_STORE_MB)
    parser.add_argument("--temp-dir", type=Path, help="folder for sockets and logs; default: a new one in /tmp")
    parser.add_argument("--logs", type=Path, help="where Ray's logs are copied in the end")
    parser.add_argument("--drain-seconds", type=float, default=0.0, help="time for Ray to move work away at SIGTERM")
    parser.add_argument("--dashboard", action="store_true", help="a head also has the dashboard")
    parser.add_argument("--lifeline", action="store_true", help="end when the standard input ends")
    told = parser.parse_args(arguments)
    granted = allocation()
    size = NodeSize(
        cpus=granted.cpus if told.cpus is None else told.cpus,
        gpus=granted.gpus if told.gpus is None else told.gpus,
        object_store_mb=told.object_store_mb,
        memory_mb=told.memory_mb or granted.memory_mb,
    )
    names = ("role", "rendezvous", "address", "host", "temp_dir", "logs", "dashboard", "drain_seconds")
    return Keeping(size=size, **{name: getattr(told, name) for name in names}), told.lifeline


def _follow(lifeline: int, told_to_end: threading.Event) -> None:
    while os.read(lifeline, 1024):
        pass
    told_to_end.set()


def main(arguments: Sequence[str] | None = None) -> int:
    """Keep the node that the arguments tell; returns the exit code."""
    told_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: told_to_end.set())
    adopt_orphans()
    try:
        keeping, lifeline = _parse(arguments)
        if lifeline:
            threading.Thread(target=_follow, args=(0, told_to_end), daemon=True).start()
        Keeper(keeping, told_to_end).keep()
    except (NodeFailedError, OSError, RuntimeError, ValueError) as error:
        if told_to_end.is_set():
            return 0
        print(f"ray node: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
