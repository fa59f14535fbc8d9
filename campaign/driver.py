"""The process that drives a run, as every node sees it: a small file in the run's folder that it keeps fresh.

On the driver's own machine the process table tells whether it lives; from elsewhere only the age of its last beat does.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

DRIVER_FILE = "driver.json"
BEAT_SECONDS = 5.0
POLL_SECONDS = 0.5

# A shared file system may show other nodes a file that is a minute old, and clocks differ a little.
SILENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Driver:
    """Who drives a run; ``machine`` tells process tables apart, ``born`` two processes of the same number."""

    host: str
    machine: str
    process: int
    born: str
    beat: float

    @classmethod
    def here(cls) -> Driver:
        """This process, now."""
        return cls(socket.gethostname(), _machine(), os.getpid(), _born(os.getpid()), time.time())

    @classmethod
    def of(cls, run_folder: Path) -> Driver | None:
        """The last driver of a run; None if there was none yet."""
        try:
            return cls(**json.loads((run_folder / DRIVER_FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    @property
    def is_alive(self) -> bool:
        """Whether it still runs, as far as this machine can tell."""
        if self.machine == _machine():
            return bool(self.born) and _born(self.process) == self.born
        return time.time() - self.beat < SILENCE_SECONDS

    def write(self, run_folder: Path) -> None:
        """Put the file into the run's folder, whole."""
        temporary = run_folder / f".{DRIVER_FILE}.tmp"
        temporary.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        temporary.replace(run_folder / DRIVER_FILE)


class Presence:
    """Keeps the driver's file fresh while a ``with`` block runs, and looks around now and then.

    Args:
        run_folder: the run.
        look: called twice a second in a thread of its own, for what others ask of the driver.
    """

    def __init__(self, run_folder: Path, look: Callable[[], None]) -> None:
        self._folder = run_folder
        self._look = look
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="presence", daemon=True)

    def __enter__(self) -> Presence:
        Driver.here().write(self._folder)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._left.set()
        self._thread.join()

    def _keep(self) -> None:
        driver, last = Driver.here(), time.monotonic()
        while not self._left.wait(POLL_SECONDS):
            self._look()
            if time.monotonic() - last < BEAT_SECONDS:
                continue
            last = time.monotonic()
            try:
                replace(driver, beat=time.time()).write(self._folder)
            except OSError:  # a full disk: what matters will fail by itself and say so
                continue


def _machine() -> str:
    """Host and process table: containers may share the one without the other."""
    try:
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _born(process: int) -> str:
    """When a process of this machine began, in whatever unit; empty if there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _alive_by_signal(process)
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()  # the name before may hold spaces and brackets
    return "" if state == "Z" else fields[18]  # field 22 of proc(5), starttime


def _alive_by_signal(process: int) -> str:
    """For systems without /proc: any process of that number will do."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "unknown"
