"""What ends a run before its report is written, and how it is said; finished work is kept each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from campaign.record.worker_log import DRIVER_LOG, LOGS_FOLDER


class CampaignFailedError(Exception):
    """Some stages failed; the message names each with its reason and where the traceback is."""

    @classmethod
    def of(cls, run_folder: Path, failures: Mapping[str, str], not_started: Sequence[str]) -> CampaignFailedError:
        """What stopped a run: why each stage failed, by name, and the stages that were not started for it."""
        lines = [f"{name}: {message}" for name, message in failures.items()]
        if not_started:
            lines.append(f"not started, because they read a failed stage: {', '.join(not_started)}")
        return cls("\n".join([*lines, f"tracebacks: {run_folder / LOGS_FOLDER / DRIVER_LOG}"]))


class RunCancelledError(Exception):
    """The run was cancelled."""


class OutOfTimeError(Exception):
    """The time of this process ended before the run did."""


class ClusterGoneError(Exception):
    """Ray's node on this machine ended by itself; this process, which was connected to it, is of no more use.

    Attributes
    ----------
    run_folder
        The run.
    """

    def __init__(self, run_folder: Path) -> None:
        super().__init__("Ray on this machine ended by itself; somebody killed it, or the machine ran out of memory")
        self.run_folder = run_folder


# By what the system says, in an error of this process, of a worker, or in the text of a library's error.
WAYS_OUT = {
    "No space left on device": "free some space, then submit again: finished work is kept",
    "Disk quota exceeded": "free some space, then submit again: finished work is kept",
    "Read-only file system": "name a folder that can be written (--runs, or cache in the profile)",
    "Permission denied": "name a folder that can be written (--runs, or cache in the profile), or change its mode",
    "Too many open files": "raise the limit with `ulimit -n 65536`, then submit again",
}


def message_of(error: BaseException) -> str:
    """An exception in one line or a few, without a traceback; for example ``KeyError: 'x' (row 3 of a.zarr)``."""
    text = f"{type(error).__name__}: {error}" + "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    ways = [way for cause, way in WAYS_OUT.items() if cause in text]
    return "; ".join([text, *ways[:1]])
