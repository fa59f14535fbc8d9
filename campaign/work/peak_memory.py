"""The most memory that a process held from one moment on: its resident set, as Linux counts it."""

from __future__ import annotations

import re
import resource
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

PEAK_FILES = "peak-*.bytes"  # in a stage's folder, until its driver has read them


def reset_peak() -> None:
    """Begin to count anew, where the system can (clear_refs of proc(5)); elsewhere the process's whole life counts."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The most since then, in bytes."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        found = None
    if found is not None:
        return 1024 * int(found[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class PeakTold:
    """A function that leaves word of its process's peak in a folder: for what answers nobody, such as a training."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self.function = function
        self.folder = folder

    def __call__(self, *arguments: Any) -> Any:
        """Call the function; its result."""
        reset_peak()
        try:
            return self.function(*arguments)
        finally:
            with suppress(OSError):  # no memory figure is worth a training
                (self.folder / PEAK_FILES.replace("*", uuid.uuid4().hex)).write_text(str(peak_bytes()))


def told_peak(folder: Path) -> int:
    """The largest of those that were left, which are gone then; 0 without any."""
    peaks = [0]
    for path in folder.glob(PEAK_FILES):
        with suppress(OSError, ValueError):
            peaks.append(int(path.read_text()))
        path.unlink(missing_ok=True)
    return max(peaks)
