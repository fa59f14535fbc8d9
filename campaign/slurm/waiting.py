"""Whether anything more is to be expected of a run: its events say most, and for the gaps between jobs the queue."""

from __future__ import annotations

import json
from pathlib import Path

from campaign.events import RunStatus
from campaign.run_folder import PROFILE_FILE
from campaign.slurm.submission import WORKER_SUFFIX, job_name
from cluster.slurm.controller import QueueWatch, has_slurm


def is_slurm_run(folder: Path) -> bool:
    """Whether the run was last submitted under a Slurm profile."""
    try:
        profile = json.loads((folder / PROFILE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(profile["kind"] == "slurm")


class Expectation:
    """Knows when a run is over: one whose job waits, or was put back into the queue, is not."""

    def __init__(self, folder: Path) -> None:
        name = job_name(folder)
        self._name = name
        in_slurm = is_slurm_run(folder) and has_slurm()
        self._queue = QueueWatch(f"{name},{name}{WORKER_SUFFIX}") if in_slurm else None
        self._job_is_gone = False

    def is_over(self, status: RunStatus) -> bool:
        """Whether the run has ended for good; a queued one without a job becomes ``interrupted``."""
        if self._queue is None or status.state not in {"queued", "interrupted"}:
            return status.has_ended
        if self._job_is_gone:  # and its last words, if any, have been read since
            status.state = "interrupted"
            return True
        jobs = self._queue.look()
        self._job_is_gone = jobs is not None and not any(job.is_alive and job.name == self._name for job in jobs)
        return False
