"""The files from which the lab's daemons start."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

ACCOUNT = "optics"
"""The account that root may charge; ``closed`` exists too, and root may not use it."""
QOS = ("normal", "high")

SLURM_CONF = """\
ClusterName={cluster}
SlurmctldHost={host}({controller})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits until its old credentials have expired.
AuthInfo=socket={munge_socket},cred_expire=3
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# The nodes have the CPUs and the memory that stand here, whatever the machine has.
SlurmdParameters=config_overrides
GresTypes=gpu
DefMemPerCPU=512
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=10
KillWait=5
MinJobAge=600
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,bf_continue
PriorityType=priority/basic
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={controller}
AccountingStoragePass={munge_socket}
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations,qos
{nodes}
PartitionName=main Nodes=ALL Default=YES GraceTime=10 MaxTime=INFINITE DefaultTime=60 PriorityTier=1
PartitionName=short Nodes=ALL MaxTime=30 DefaultTime=10 PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE DefaultTime=60 PriorityTier=10
"""

SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={munge_socket}
DbdHost={host}
DbdAddr={controller}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=accounting
"""


@dataclass(frozen=True)
class LabConfiguration:
    """What a lab consists of; everything that two labs must not share follows from its name.

    Attributes
    ----------
    name
        The instance.
    folder
        Of all its files; not below ``/tmp``, which every node has of its own.
    nodes
        Number of virtual nodes, called ``node1`` and so on.
    cpus
        Of each node; may be more than the machine has.
    memory_mb
        Of each node, in MiB.
    gpus
        Stand-in devices of each node: they are scheduled as GPUs and compute nothing.
    """

    name: str
    folder: Path
    nodes: int = 3
    cpus: int = 4
    memory_mb: int = 6000
    gpus: int = 2

    @property
    def node_names(self) -> list[str]:
        """Names of the nodes."""
        return [f"node{number}" for number in range(1, self.nodes + 1)]

    @property
    def controller_address(self) -> str:
        """Address of the controller and of the login node."""
        return f"{self._subnet}.1"

    @property
    def subnet(self) -> str:
        """The network of this lab alone, with its prefix length."""
        return f"{self._subnet}.0/24"

    @property
    def _subnet(self) -> str:
        number = crc32(self.name.encode())
        return f"10.{64 + number % 64}.{number // 64 % 256}"

    def address(self, node: str) -> str:
        """Address of a node."""
        return f"{self._subnet}.{10 + int(node.removeprefix('node'))}"

    def namespace(self, node: str | None = None) -> str:
        """Network namespace of a node, or of the controller and the login node."""
        return f"slurm-{self.name}" if node is None else f"slurm-{self.name}-{node}"

    @property
    def gpu_devices(self) -> list[Path]:
        """The stand-in devices."""
        return [self.folder / "dev" / f"gpu{number}" for number in range(self.gpus)]

    @property
    def munge_socket(self) -> Path:
        """Where munged listens."""
        return self.folder / "munge" / "socket"

    @property
    def etc(self) -> Path:
        """Folder of the configuration files."""
        return self.folder / "etc"

    def write(self) -> None:
        """Write all files."""
        values = {
            "cluster": self.name.replace("-", "_"),
            "host": socket.gethostname().split(".")[0],
            "controller": self.controller_address,
            "munge_socket": self.munge_socket,
            "folder": self.folder,
            "nodes": "\n".join(map(self._node_line, self.node_names)),
        }
        self._write("slurm.conf", SLURM_CONF.format(**values))
        self._write("slurmdbd.conf", SLURMDBD_CONF.format(**values)).chmod(0o600)
        self._write("cgroup.conf", "CgroupAutomount=no\n")
        devices = f"{self.folder}/dev/gpu[0-{self.gpus - 1}]"
        gpus = f"NodeName=node[1-{self.nodes}] Name=gpu File={devices}\n" if self.gpus else ""
        self._write("gres.conf", f"AutoDetect=off\n{gpus}")
        hosts = {"127.0.0.1": "localhost", self.controller_address: values["host"]}
        hosts |= {self.address(node): node for node in self.node_names}
        self._write("hosts", "".join(f"{address} {name}\n" for address, name in hosts.items()))

    def _node_line(self, node: str) -> str:
        gres = f" Gres=gpu:{self.gpus}" if self.gpus else ""
        return (
            f"NodeName={node} NodeHostname={node} NodeAddr={self.address(node)} CPUs={self.cpus} Boards=1 "
            f"SocketsPerBoard=1 CoresPerSocket={self.cpus} ThreadsPerCore=1 RealMemory={self.memory_mb}{gres}"
        )

    def _write(self, name: str, text: str) -> Path:
        path = self.etc / name
        path.write_text(text, encoding="ascii")
        return path
