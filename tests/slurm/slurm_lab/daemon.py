"""A process of the lab, known by its id and its start time, so that nothing else is ever ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 10.0
PROGRAMS_OF_ROOT = "/usr/local/sbin:/usr/sbin:/sbin"


class Daemon:
    """One daemon of the lab; its record survives the process that started it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._record = folder / "pids" / name
        self._log = folder / "log" / f"{name}.out"

    @property
    def pid(self) -> int | None:
        """Id of the process, None when it does not run."""
        try:
            pid, started = self._record.read_text(encoding="ascii").split()
        except FileNotFoundError:
            return None
        return int(pid) if _start_time(int(pid)) == started else None

    def start(self, command: Sequence[str], environment: Mapping[str, str], with_parent: bool) -> None:
        """Start it unless it runs; ``with_parent`` lets it end with the thread that called, however that ends."""
        if self.pid is not None:
            return
        parent = ["setpriv", "--pdeathsig", "KILL"] if with_parent else []
        path = f"{os.environ.get('PATH', '')}:{PROGRAMS_OF_ROOT}"
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [*parent, *command],
                env={**os.environ, "PATH": path, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        self._record.write_text(f"{process.pid} {_start_time(process.pid)}", encoding="ascii")

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it: with the signal, and by force when that does not help."""
        self.send(number)
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        self.send(signal.SIGKILL)
        self._record.unlink(missing_ok=True)

    def log_tail(self) -> str:
        """The last of what it printed."""
        return self._log.read_text(errors="replace")[-2000:] if self._log.is_file() else ""


def _start_time(pid: int) -> str | None:
    """When a process started, in clock ticks; None for one that is gone or waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]
