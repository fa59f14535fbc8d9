"""Who works on something, and whether they still do: by their process on this machine, by their heartbeat elsewhere."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

import psutil

from results.files import write_json

BEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 90.0  # without a beat, by the clock of whoever waits: clocks of machines are never compared


class Life(Enum):
    """What is known of an owner at the moment."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Owner:
    """A process that works on something.

    Attributes
    ----------
    token
        Differs between the leases of one process.
    host, process
        Name of the machine, and number of the process there.
    process_started
        Seconds from the start of the system to that of the process: it distinguishes processes that were given the same
        number, and no change of the clock moves it.
    machine
        The running system and its table of processes: containers of one host differ in it.
    """

    token: str
    host: str
    process: int
    process_started: str
    machine: str

    @classmethod
    def here(cls, token: str, process: int | None = None) -> Owner:
        """This process, or another one of this machine by its number."""
        process = os.getpid() if process is None else process
        return cls(token, platform.node(), process, _started(process), _machine())

    @classmethod
    def read(cls, path: Path) -> Owner | None:
        """The owner written at ``path``; None if there is none."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None

    @property
    def process_key(self) -> tuple[str, int, str, str]:
        """What tells its process from all others."""
        return self.host, self.process, self.process_started, self.machine

    def write(self, path: Path) -> None:
        """Leave this at ``path``, whole."""
        write_json(path, asdict(self))

    @property
    def is_here(self) -> bool:
        """Whether its process, if it lives, is one of those that this process can see."""
        return (self.host, self.machine) == (platform.node(), _machine())

    @property
    def has_process(self) -> bool:
        """Whether its process runs; a number that was given to another process since does not count."""
        return _started(self.process) == self.process_started != ""

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


_ENDED: set[tuple[str, int, str, str]] = set()  # processes that count as dead, whatever their heartbeat


def count_as_dead(owner: Owner) -> None:
    """Wait for heartbeats of an owner elsewhere no longer, on any of its folders: it is known to have ended."""
    _ENDED.add(owner.process_key)


class Watch:
    """Observes the files of owners from time to time, and judges what became of them."""

    def __init__(self) -> None:
        self._seen: dict[Path, _Sight] = {}

    def look(self, path: Path) -> Life:
        """Judge the owner whose file is ``path``; one that cannot be read has its time too."""
        owner = Owner.read(path)
        if owner is not None and owner.is_here:
            return Life.ALIVE if owner.has_process else Life.DEAD
        if owner is not None and owner.process_key in _ENDED:
            return Life.DEAD
        sight, now = (owner, _beat(path)), time.monotonic()
        before = self._seen.get(path)
        if before is None or before.sight != sight:
            self._seen[path] = _Sight(sight, now, has_changed=before is not None)
        elif now - before.since > DEAD_AFTER_SECONDS:
            return Life.DEAD
        return Life.ALIVE if self._seen[path].has_changed else Life.UNKNOWN


@dataclass(frozen=True)
class _Sight:
    """What was seen of an owner's file, since when, and whether it was anything else before."""

    sight: tuple[Owner | None, int]
    since: float
    has_changed: bool


def beat(path: Path) -> None:
    """Show that the owner of ``path`` lives; needs no space on the disk. FileNotFoundError: it was taken away."""
    os.utime(path)


def _beat(path: Path) -> int:
    """Time of the last beat, by the file server's clock."""
    try:
        with path.open("rb") as stream:  # opening makes a network file system ask its server
            return os.fstat(stream.fileno()).st_mtime_ns
    except OSError:
        return 0


def _started(process: int) -> str:
    """Seconds from the start of the system to that of a process; "" if it is gone, or a zombie."""
    try:
        found = psutil.Process(process)
        # psutil adds the time of the system's start, which moves with the clock.
        seconds = found.create_time() - psutil.boot_time()
        has_ended = found.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return ""
    return "" if has_ended else f"{seconds:.2f}"


def _machine() -> str:
    """This start of this system, and the table of processes that this one sees."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return "unknown"
