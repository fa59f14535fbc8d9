"""What worker processes print, kept in the run's folder: ``logs/stages/<stage>/<host>.log``.

Ray's own log files lie on the worker's node and end with the cluster. All workers of one host append to one file, so
that a stage of a thousand workers makes as many files as it has nodes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

LOGS_FOLDER = "logs"
DRIVER_LOG = "driver.log"


def stage_logs(run_folder: Path, stage: str) -> Path:
    """Folder of what the workers of one stage print."""
    return run_folder / LOGS_FOLDER / "stages" / stage


def remove_empty_logs(folder: Path) -> None:
    """Take away the files of hosts on which nobody had anything to say, then the folder if nothing is left."""
    for path in folder.glob("*.log"):
        if path.stat().st_size == 0:
            path.unlink(missing_ok=True)
    with suppress(OSError):  # not empty, or not there
        folder.rmdir()


class Logged:
    """A function whose output goes to a stage's log wherever it runs; picklable."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self.function = function
        self.folder = folder

    def __call__(self, *arguments: Any) -> Any:
        """Call the function; its result."""
        print_to(self.folder)
        return self.function(*arguments)


@lru_cache(maxsize=1)
def print_to(folder: Path) -> None:
    """From now on append what this process prints to its host's file in ``folder``.

    File descriptors are replaced, so that libraries of C and what a crash prints last are caught too. Costs nothing
    for a process that printed there last. Without a file that can be written, output stays where it went.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = os.open(folder / f"{socket.gethostname()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:  # a full disk or a lost mount is reported by what matters, not by its log
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
