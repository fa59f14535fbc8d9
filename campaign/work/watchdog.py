"""Ends a worker whose simulation does not end by itself, and leaves a note of which one it was.

The limit holds inside C code too: ``faulthandler`` waits in a thread of its own that needs no Python to run, writes
where every thread was, and ends the process. The driver knows of the death from Ray, and of its reason from the note.
"""

from __future__ import annotations

import faulthandler
import os
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from cluster.driver.errors import WorkerDiedError

# A new alarm costs a thread, so an old one serves until this share of the limit has gone by.
SLACK = 0.1
HEADER_BYTES = 24
TIMEOUT_MARK = "Timeout ("  # how faulthandler begins
MEMORY_MARK = "out of memory"


@dataclass(frozen=True)
class Note:
    """What a worker that died left behind: the row it was at, or None, and why it ended itself, if it did."""

    row: int | None = None
    text: str = ""

    @property
    def is_timeout(self) -> bool:
        """Whether the time limit ended it."""
        return self.text.startswith(TIMEOUT_MARK)

    @property
    def is_out_of_memory(self) -> bool:
        """Whether it ran out of memory."""
        return self.text.startswith(MEMORY_MARK)


def read_note(path: Path) -> Note:
    """The note at ``path``; an empty one if there is none, or only a part of it."""
    try:
        content = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return Note()
    header = content[:HEADER_BYTES].strip()
    return Note(int(header) if header.isdigit() else None, content[HEADER_BYTES:])


class Watchdog:
    """Watches over the simulations of one block, one row at a time; the note is gone when the block ends.

    A row that takes longer than ``limit_s``, or lacks memory, ends the process, not the block: what ran out of memory
    or hung in C code leaves a process that is not to be trusted.
    """

    def __init__(self, note: Path, limit_s: float, *, shares_process: bool = False) -> None:
        """Watch over nothing yet; a process that is shared with the driver is not ended, only its worker is lost."""
        self._path = note
        self._limit_s = limit_s
        self._shares_process = shares_process
        self._armed_at = -float("inf")

    def __enter__(self) -> Watchdog:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.lseek(self._descriptor, HEADER_BYTES, os.SEEK_SET)
        return self

    def begin(self, row: int) -> None:
        """Say which row comes next, and give it its time."""
        os.pwrite(self._descriptor, f"{row:<{HEADER_BYTES - 1}}\n".encode("ascii"), 0)
        now = time.monotonic()
        if self._shares_process:
            return
        if now - self._armed_at > SLACK * self._limit_s:
            self._armed_at = now
            faulthandler.dump_traceback_later((1 + SLACK) * self._limit_s, exit=True, file=self._descriptor)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._shares_process:
            faulthandler.cancel_dump_traceback_later()
        if error is not None and is_out_of_memory(error):
            text = f"{MEMORY_MARK}\n{''.join(traceback.format_exception(error))}"
            os.write(self._descriptor, text.encode("utf-8", errors="replace"))
            os.close(self._descriptor)
            if not self._shares_process:
                os._exit(1)
            raise WorkerDiedError("out of memory", out_of_memory=True) from error
        os.close(self._descriptor)
        if isinstance(error, WorkerDiedError):
            return  # the note stays, as it does when a process dies
        self._path.unlink(missing_ok=True)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means too little memory, of the machine or of its GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch.cuda's
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)  # torch on the CPU
