"""Keeps a number of worker jobs in the queue or running, for as long as a campaign has a head."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from cluster.slurm.controller import JobState, QueueWatch, SlurmError, cancel, jobs_named
from cluster.slurm.sbatch import JobRequest, send

log = logging.getLogger(__name__)
WAKE_SECONDS = 1.0


class WorkerJobs:
    """Sends jobs for those that have ended; at the end of its ``with`` block it cancels those that are left."""

    def __init__(
        self, watch: QueueWatch, request: JobRequest, count: int, function: Callable[..., Any], *arguments: Any
    ) -> None:
        """Send nothing yet.

        Parameters
        ----------
        watch
            Looks for the jobs.
        request
            One worker job.
        count
            How many there should be.
        function
            What such a job runs.
        arguments
            Its arguments.
        """
        self._watch, self._request, self._count = watch, request, count
        self._function, self._arguments = function, arguments
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="worker-jobs", daemon=True)

    def __enter__(self) -> WorkerJobs:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        self._thread.join()
        try:
            cancel(self._alive(jobs_named(self._request.name)))
        except SlurmError as failure:
            log.warning("worker jobs were not cancelled, they end by themselves: %s", failure.said)

    def _keep(self) -> None:
        while not self._leave.wait(WAKE_SECONDS):
            jobs = self._watch.look()
            missing = 0 if jobs is None else self._count - len(self._alive(jobs))
            if missing > 0:
                try:
                    send(self._request, self._function, *self._arguments, count=missing, pause=self._leave.wait)
                except SlurmError as error:
                    log.warning("no worker jobs could be sent: %s", error.said)

    def _alive(self, jobs: list[JobState]) -> list[JobState]:
        return [job for job in jobs if job.name == self._request.name and job.is_alive]
