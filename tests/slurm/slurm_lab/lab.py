"""The lab: munge, MariaDB, slurmdbd, slurmctld and one slurmd in namespaces of its own for every node."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slurm_lab import packages
from slurm_lab.configuration import ACCOUNT, QOS, LabConfiguration
from slurm_lab.daemon import Daemon
from slurm_lab.packages import LabUnavailable

DEFAULT_PLACE = Path("/var/tmp")
READY_SECONDS = 120.0
DATABASE_OPTIONS = (
    "--skip-networking",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--innodb-lock-wait-timeout=900",  # slurmdbd asks for it
    "--innodb-flush-log-at-trx-commit=0",
)
# First process of a node: a host name, an address book, a /tmp and shared memory of its own; everything else is
# shared, as on a cluster, the project and its Python below /tmp too. bash stays, because somebody must reap what a
# killed job leaves.
NODE_PROGRAM = """\
set -e
hostname "$1"
mount --make-rprivate /
mount --bind "$2/etc/hosts" /etc/hosts
for path in "${@:3}"; do
  if [[ "$path" == /tmp/* ]]; then mkdir -p "$2/$1$path"; mount --bind "$path" "$2/$1$path"; fi
done
mount --rbind "$2/$1/tmp" /tmp
mount -t tmpfs -o size=2g tmpfs /dev/shm
unset TMPDIR
slurmd -D -N "$1" & wait $!
"""

# What jobs run, wherever it lies.
NEEDED = tuple(dict.fromkeys(map(os.path.realpath, (Path(__file__).parents[3], sys.prefix))))


class SlurmLab:
    """A Slurm cluster on this machine, for root.

    Commands of :meth:`run` are those of a user on the login node. Files below :attr:`shared` are seen by all nodes,
    those below ``/tmp`` by one.
    """

    def __init__(self, name: str, place: Path = DEFAULT_PLACE, **sizes: int) -> None:
        """Describe a lab; ``sizes`` are ``nodes``, ``cpus``, ``memory_mb`` and ``gpus`` of the configuration."""
        self.configuration = LabConfiguration(name, place / f"slurm-lab-{name}", **sizes)
        self.folder = self.configuration.folder
        self.shared = self.folder / "shared"
        self.nodes = self.configuration.node_names
        self._with_parent = False

    # --- life ------------------------------------------------------------------------------------------------

    def start(self, with_parent: bool = False) -> SlurmLab:
        """Start what does not run and wait until all nodes are idle.

        Parameters
        ----------
        with_parent
            All of it ends with the calling thread, even when that is killed.

        Raises
        ------
        LabUnavailable
            This machine cannot run it; the message says why.
        """
        packages.require()
        self._with_parent = with_parent
        for name in ("etc", "log", "pids", "state", "munge", "dev", "shared"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._make_devices()
        self.configuration.write()
        self._make_network()
        self._start_munge()
        self._start_accounting()
        self._daemon("slurmctld").start(self._on_login_node("slurmctld", "-D"), self.environment, with_parent)
        self._until(lambda: "is UP" in self.run("scontrol", "ping", check=False).stdout, "slurmctld")
        for node in self.nodes:
            self.power_on(node)
        self.wait_for_nodes()
        return self

    def stop(self, wipe: bool = True) -> None:
        """Power off everything; with ``wipe`` the files go too."""
        for name in (*self.nodes, "slurmctld", "slurmdbd", "mariadbd", "munged"):
            self._daemon(name).stop(signal.SIGKILL if name in self.nodes else signal.SIGTERM)
        for node in (*self.nodes, None):
            namespace = self.configuration.namespace(node)
            if Path("/run/netns", namespace).exists():
                _command("ip", "netns", "delete", namespace)
        if wipe:
            shutil.rmtree(self.folder)

    # --- use -------------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """What a client's environment needs besides the network of :meth:`run`."""
        return {"SLURM_CONF": str(self.configuration.etc / "slurm.conf")}

    def command(self, *command: str) -> list[str]:
        """The command as the login node runs it; wants :attr:`environment`."""
        return self._on_login_node(*command)

    def run(self, *command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on the login node and wait for it; ``options`` are those of ``subprocess.run``."""
        environment = {**options.pop("env", os.environ), **self.environment}
        done = subprocess.run(
            self.command(*command), env=environment, **{"capture_output": True, "text": True, **options}
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def job_states(self, *jobs: str) -> dict[str, str]:
        """State of every job by its id, from the controller."""
        lines = self.run("squeue", "--noheader", "--states=all", "--format=%A %T").stdout.splitlines()
        states = dict(line.split() for line in lines)
        return {job: states[job] for job in jobs} if jobs else states

    def power_cut(self, node: str) -> None:
        """Kill all processes of a node at once; the controller finds out by itself."""
        self._daemon(node).stop(signal.SIGKILL)

    def power_on(self, node: str) -> None:
        """Boot a node, with an empty ``/tmp``."""
        if self._daemon(node).pid is not None:
            return
        shutil.rmtree(self.folder / node, ignore_errors=True)
        (self.folder / node / "spool").mkdir(parents=True)
        (self.folder / node / "tmp").mkdir()
        (self.folder / node / "tmp").chmod(0o1777)
        namespaces = ("--fork", "--pid", "--mount-proc", "--mount", "--uts", "--ipc", "--kill-child=KILL")
        command = ("unshare", *namespaces, "bash", "-c", NODE_PROGRAM, "node", node, str(self.folder), *NEEDED)
        self._daemon(node).start(
            _in_network(self.configuration.namespace(node), *command), self.environment, self._with_parent
        )

    def wait_for_nodes(self) -> None:
        """Wait until every node is up; jobs may run on it."""
        self._until(self._all_up, "the nodes")

    def clear(self) -> None:
        """End all jobs, and boot nodes that are down: as it was at its start."""
        self.run("scancel", "--user=root", check=False)
        for node in self.nodes:
            self.power_on(node)
        self._until(lambda: "RUNNING" not in self.job_states().values(), "the end of all jobs")
        self.wait_for_nodes()

    @contextmanager
    def frozen_controller(self) -> Iterator[None]:
        """A controller that takes connections and answers none, for a ``with`` block."""
        self._daemon("slurmctld").send(signal.SIGSTOP)
        try:
            yield
        finally:
            self._daemon("slurmctld").send(signal.SIGCONT)

    # --- parts -----------------------------------------------------------------------------------------------

    def _all_up(self) -> bool:
        listed = self.run(
            "sinfo", "--noheader", "--Node", "--partition=main", "--format=%T", check=False
        ).stdout.split()
        return len(listed) == len(self.nodes) and set(listed) <= {"idle", "mixed", "allocated"}

    def _make_devices(self) -> None:
        for device in self.configuration.gpu_devices:
            # Slurm takes nothing but character devices; these are copies of /dev/null.
            if not device.exists():
                _command("mknod", str(device), "c", "1", "3")

    def _make_network(self) -> None:
        main = self.configuration.namespace()
        if not Path("/run/netns", main).exists():
            _command("ip", "netns", "add", main)
            _command("ip", "-n", main, "link", "set", "lo", "up")
            _command("ip", "-n", main, "link", "add", "br0", "type", "bridge")
            _command("ip", "-n", main, "address", "add", f"{self.configuration.controller_address}/24", "dev", "br0")
            _command("ip", "-n", main, "link", "set", "br0", "up")
        for node in self.nodes:
            own = self.configuration.namespace(node)
            if Path("/run/netns", own).exists():
                continue
            _command("ip", "netns", "add", own)
            _command("ip", "-n", own, "link", "set", "lo", "up")
            _command(*f"ip -n {main} link add {node} type veth peer name eth0 netns {own}".split())
            _command("ip", "-n", main, "link", "set", node, "master", "br0", "up")
            _command("ip", "-n", own, "address", "add", f"{self.configuration.address(node)}/24", "dev", "eth0")
            _command("ip", "-n", own, "link", "set", "eth0", "up")

    def _start_munge(self) -> None:
        folder, daemon = self.folder / "munge", self._daemon("munged")
        if daemon.pid is not None:
            return
        key = folder / "key"
        if not key.exists():
            key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        folder.chmod(0o755)
        for path in (folder, key):
            shutil.chown(path, "munge", "munge")
        paths = {"key-file": key, "socket": self.configuration.munge_socket, "pid-file": folder / "pid"}
        paths |= {"log-file": folder / "log", "seed-file": folder / "seed"}
        options = [f"--{name}={path}" for name, path in paths.items()]
        user = ("setpriv", "--reuid=munge", "--regid=munge", "--clear-groups")
        keep = ("--pdeathsig", "KILL") if self._with_parent else ()
        # A change of user forgets the wish to end with the parent, so it is said again.
        daemon.start([*user, *keep, "munged", "--foreground", "--force", *options], {}, self._with_parent)
        self._until(self.configuration.munge_socket.exists, "munged")

    def _start_accounting(self) -> None:
        data, database = self.folder / "database", self._daemon("mariadbd")
        socket = f"--socket={data / 'socket'}"
        if not data.exists():
            data.mkdir()
            shutil.chown(data, "mysql", "mysql")
            _command("mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}", "--skip-test-db",
                     "--auth-root-authentication-method=socket")  # fmt: skip
        server = ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", socket, *DATABASE_OPTIONS]
        database.start(server, {}, self._with_parent)
        create = ["mariadb", "--no-defaults", socket, "-e", "create database if not exists accounting"]
        self._until(lambda: subprocess.run(create, capture_output=True).returncode == 0, "mariadbd")
        where = {**self.environment, "MYSQL_UNIX_PORT": str(data / "socket")}
        self._daemon("slurmdbd").start(self._on_login_node("slurmdbd", "-D"), where, self._with_parent)
        self._until(self._has_cluster, "slurmdbd")
        for what in (
            ("qos", QOS[1]),
            ("account", ACCOUNT),
            ("account", "closed"),
            ("user", "root", f"account={ACCOUNT}", f"qos={','.join(QOS)}", f"defaultaccount={ACCOUNT}"),
        ):
            self.run("sacctmgr", "--immediate", "add", *what, check=False)  # fails when it is there already

    def _has_cluster(self) -> bool:
        name = self.configuration.name.replace("-", "_")
        self.run("timeout", "5", "sacctmgr", "--immediate", "add", "cluster", name, check=False)
        shown = self.run("timeout", "5", "sacctmgr", "--noheader", "show", "cluster", "format=cluster%30", check=False)
        return name in shown.stdout.split()

    def _daemon(self, name: str) -> Daemon:
        return Daemon(name, self.folder)

    def _on_login_node(self, *command: str) -> list[str]:
        return _in_network(self.configuration.namespace(), *command)

    def _until(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if time.monotonic() > deadline:
                logs = "".join(self._daemon(name).log_tail() for name in ("slurmctld", "slurmdbd", *self.nodes))
                raise LabUnavailable(f"{what} did not come up in {READY_SECONDS:.0f} s; {self.folder}/log: {logs}")
            time.sleep(0.1)


def _in_network(namespace: str, *command: str) -> list[str]:
    return ["nsenter", f"--net=/run/netns/{namespace}", "--", *command]


def _command(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabUnavailable(f"`{' '.join(command)}` failed: {(done.stderr or done.stdout).strip()}")
